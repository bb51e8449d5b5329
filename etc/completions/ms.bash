# bash completion for ms(1), mserver(8), mi(8), mcaster(8) and ms_mgr(8).

_ms() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local mode=${COMP_WORDS[0]##*/}
    mode=${mode/ms_mgr/mgr}
    if [[ $mode == ms ]]; then
        if ((COMP_CWORD == 1)); then
            mapfile -t COMPREPLY < <(compgen -W "mserver mi mcaster join run leave merge split view members watch groups mgr decode status tree sim demo why trace --help --version" -- "$cur")
            return
        fi
        mode=${COMP_WORDS[1]}
    fi

    local daemon="-c --config --check -f --foreground -i --interface --port
        -p --pid-file --run-dir -u --user -v --verbose -q --quiet --syslog --profile --tick
        --query --reply --retries --key --auth"
    local options
    case $mode in
        mserver)
            options="$daemon --member-port --allow --create --join-only --level --mi --child
                --confirm --state-dir --views --static --failures --groups --ttl --lan --mi-mode
                --mi-group --mi-allow -h --help -V --version"
            ;;
        mi)
            options="$daemon --state-dir --groups --ttl --lan --mi-mode --mi-group --mi-allow
                -h --help -V --version"
            ;;
        mcaster)
            options="$daemon --member-port --allow --max-groups --max-members --expire --rejoin --rate
                -h --help -V --version"
            ;;
        join)
            options="--count -j --json --tag --mode --name-scope --membership-scope --patience
                --order --batch --monitor --roster --survive --merge --no-rejoin --rejoin-always --wait --mi
                --run-dir --timeout -h --help -V --version"
            ;;
        run)
            options="--leader --allow-split --grace --tag --mode --name-scope --membership-scope
                --patience --order --batch --monitor --roster --survive --merge --no-rejoin
                --rejoin-always --wait --mi --run-dir --timeout -h --help -V --version"
            ;;
        leave) options="--no-wait --mi --run-dir --timeout -h --help -V --version" ;;
        merge) options="--mi --run-dir --timeout -h --help -V --version" ;;
        split) options="--mi --run-dir --timeout -h --help -V --version" ;;
        view) options="-j --json --mi --run-dir --timeout -h --help -V --version" ;;
        members) options="-j --json --mi --run-dir --timeout -h --help -V --version" ;;
        watch)
            options="--count --interval -j --json --mi --run-dir --timeout -h --help -V --version"
            ;;
        groups) options="-j --json --run-dir -h --help -V --version" ;;
        mgr)
            options="-c --config -i --interface --port --level --groups --ttl --key --auth
                --timeout --no-wait -l --long -j --json -y --yes -n --dry-run --commands
                --orphan-groups -h --help -V --version"
            ;;
        why) options="--at -j --json --run-dir -h --help -V --version" ;;
        trace)
            options="--seconds --svg -j --json --run-dir -h --help -V --version"
            ;;
        decode) options="-j --json -p --port -h --help -V --version" ;;
        status) options="-j --json --metrics --run-dir -h --help -V --version" ;;
        tree)
            options="--watch --dot --svg -j --json --run-dir --local --timeout -c --config
                -i --interface --key --auth -h --help -V --version"
            ;;
        demo) options="--keep -h --help -V --version" ;;
        sim) options="--svg --walk --walks --minutes --seed --hosts --campus --kill --stop --start --cut --heal --wait --scale --scale-hosts -h --help -V --version" ;;
        *) return ;;
    esac

    # What is a file elsewhere is a port there.
    [[ $mode != decode || $prev != -p ]] || return
    # A flag of mserver.
    if [[ $mode != mserver && $prev == --mi ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    fi
    case $prev in
        -c | --config | -p | --pid-file | --key | --failures | --groups | --views | --svg)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
            ;;
        --mode)
            mapfile -t COMPREPLY < <(compgen -W "create existing" -- "$cur")
            return
            ;;
        --run-dir | --state-dir)
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            return
            ;;
        -u | --user)
            mapfile -t COMPREPLY < <(compgen -u -- "$cur")
            return
            ;;
        -i | --interface)
            local path interfaces=
            for path in /sys/class/net/*; do interfaces+=" ${path##*/}"; done
            mapfile -t COMPREPLY < <(compgen -W "$interfaces" -- "$cur")
            return
            ;;
        --mi-group)
            mapfile -t COMPREPLY < <(compgen -g -- "$cur")
            return
            ;;
        --profile)
            mapfile -t COMPREPLY < <(compgen -W "lan fast wan thesis" -- "$cur")
            return
            ;;
        --order)
            mapfile -t COMPREPLY < <(compgen -W "strong weak" -- "$cur")
            return
            ;;
        --monitor)
            mapfile -t COMPREPLY < <(compgen -W "adaptive fixed" -- "$cur")
            return
            ;;
        --roster)
            mapfile -t COMPREPLY < <(compgen -W "full count" -- "$cur")
            return
            ;;
        --survive)
            mapfile -t COMPREPLY < <(compgen -W "all none size majority tag member" -- "$cur")
            return
            ;;
        --merge)
            mapfile -t COMPREPLY < <(compgen -W "name none tag member" -- "$cur")
            return
            ;;
        --auth)
            mapfile -t COMPREPLY < <(compgen -W "sign prefer require" -- "$cur")
            return
            ;;
        --port | --member-port | --tick | --query | --reply | --retries | --allow | --ttl | --level | --confirm | \
            --child | --lan | --mi-mode | --mi-allow | \
            --max-groups | --max-members | --expire | --rejoin | --rate | \
            --tag | --name-scope | --membership-scope | --patience | --batch | --count | --grace | --interval | \
            --walk | --walks | --seed | --hosts | --timeout | --seconds | --at)
            return
            ;;
    esac

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    elif [[ $mode == decode ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    elif [[ $mode == sim ]]; then
        mapfile -t COMPREPLY < <(compgen -f -W "$(ms sim 2>/dev/null | cut -d ' ' -f 1)" -- "$cur")
    elif [[ $mode == mgr ]]; then
        if [[ " ${COMP_WORDS[*]} " == *" apply "* ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -W "apply export stats join leave split merge add-parent del-parent" -- "$cur")
        fi
    elif [[ $mode =~ ^(join|run|leave|merge|split|view|members|watch)$ ]]; then
        local groups
        groups=$(ms groups 2>/dev/null | sed -n 's/^    \([^ ]*\) [0-9].*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$groups" -- "$cur")
    elif [[ $mode =~ ^(status|trace|groups|tree)$ ]]; then
        local socket daemons=all
        for socket in /run/ms/*.ctl "${XDG_RUNTIME_DIR:-/nonexistent}"/ms/*.ctl; do
            [[ -e $socket ]] || continue
            socket=${socket##*/}
            socket=${socket%.ctl}
            socket=${socket%-2900}
            daemons+=" ${socket/-/:}"
        done
        mapfile -t COMPREPLY < <(compgen -W "$daemons" -- "$cur")
        # Readline breaks words at colons, and wants what stands behind the last one.
        ! declare -F __ltrim_colon_completions >/dev/null || __ltrim_colon_completions "$cur"
    fi
}

complete -F _ms ms mserver mi mcaster ms_mgr
