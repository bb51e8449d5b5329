# fish completion for ms(1), mserver(8), mi(8), mcaster(8) and ms_mgr(8).

# __ms_option MODES ...: an option of each of the modes, as `ms MODE` and, of a daemon, as the link of that name.
function __ms_option
    for mode in (string split , $argv[1])
        complete -c ms -n "__fish_seen_subcommand_from $mode" $argv[2..]
        if contains $mode mserver mi mcaster
            complete -c $mode $argv[2..]
        else if test $mode = mgr
            complete -c ms_mgr $argv[2..]
        end
    end
end

complete -c ms -n 'not __fish_seen_subcommand_from decode' -f
complete -c ms -n __fish_use_subcommand -l help -d 'print the commands'
complete -c ms -n __fish_use_subcommand -l version -d 'print the version'
complete -c ms -n __fish_use_subcommand -a mserver -d 'membership server of a core-set, or of a fixed ring'
complete -c ms -n __fish_use_subcommand -a mi -d 'member interface of a host: what its applications call'
complete -c ms -n __fish_use_subcommand -a mcaster -d 'multicast emulator for networks without IP multicast'
complete -c ms -n __fish_use_subcommand -a join -d 'be a member of a group; print its views, or run a command for each'
complete -c ms -n __fish_use_subcommand -a run -d 'be a member of a group exactly as long as a command lives'
complete -c ms -n __fish_use_subcommand -a leave -d 'let a member on this host leave its group'
complete -c ms -n __fish_use_subcommand -a merge -d 'make a group part of another one'
complete -c ms -n __fish_use_subcommand -a split -d 'let members go to a group of their own'
complete -c ms -n __fish_use_subcommand -a view -d 'show the view of a group'
complete -c ms -n __fish_use_subcommand -a members -d 'list the members of a group by rank'
complete -c ms -n __fish_use_subcommand -a watch -d 'follow the views of a group without being a member'
complete -c ms -n __fish_use_subcommand -a groups -d 'list the groups that the daemons of this host know'
complete -c ms -n __fish_use_subcommand -a mgr -d 'ask mservers for statistics and changes of their sets'
complete -c ms -n __fish_use_subcommand -a why -d 'tell why a mserver was excluded, by whom, of what evidence'
complete -c ms -n __fish_use_subcommand -a trace -d 'follow what the daemons of this host send, receive and decide'
complete -c ms -n __fish_use_subcommand -a decode -d 'print messages field by field'
complete -c ms -n __fish_use_subcommand -a status -d 'show what the daemons of this host know'
complete -c ms -n __fish_use_subcommand -a demo -d 'show a campus of real daemons and groups on this host'
complete -c ms -n __fish_use_subcommand -a sim -d 'play core-sets and groups in a simulated world'

__ms_option mserver,mi,mcaster -s c -l config -r -F -d 'configuration'
__ms_option mserver,mi,mcaster -l check -d 'check the configuration and do nothing else'
__ms_option mserver,mi,mcaster -s f -l foreground -d 'stay in the foreground and log to standard error'
__ms_option mserver,mi,mcaster -s i -l interface -x -a '(__fish_print_interfaces)' -d 'own address, or the interface that has it'
__ms_option mserver,mcaster -l port -x -d 'UDP port of plain messages'
__ms_option mserver,mcaster -l member-port -x -d 'UDP port of messages from an mcaster'
__ms_option mserver,mi,mcaster -s p -l pid-file -r -F -d 'write the process number there when ready'
__ms_option mserver,mi,mcaster -l run-dir -x -a '(__fish_complete_directories)' -d 'directory of the control socket'
__ms_option mserver,mi,mcaster -s u -l user -x -a '(__fish_complete_users)' -d 'run as this user once the sockets are open'
__ms_option mserver,mi,mcaster -s v -l verbose -d 'log more'
__ms_option mserver,mi,mcaster -s q -l quiet -d 'log warnings and errors only'
__ms_option mserver,mi,mcaster -l syslog -d 'log to syslog in the foreground too'
__ms_option mserver,mi,mcaster -l profile -x -a 'lan fast wan thesis' -d 'timings'
__ms_option mserver,mi,mcaster -l tick -x -d 'length of a tick in milliseconds'
__ms_option mserver,mi,mcaster -l query -x -d 'from one answered QUERY to the next'
__ms_option mserver,mi,mcaster -l reply -x -d 'how long an answer is waited for'
__ms_option mserver,mi,mcaster -l retries -x -d 'how often an unanswered message is sent again'
__ms_option mserver,mi,mcaster -l key -r -F -d 'sign messages with the keys in this file'
__ms_option mserver,mi,mcaster -l auth -x -a 'sign prefer require' -d 'what becomes of messages that are not properly signed'
__ms_option mserver,mcaster -l allow -x -d 'who may'

__ms_option mserver -l create -d 'found the set at once instead of looking for it'
__ms_option mserver -l join-only -d 'never found the set; exit if none answers'
__ms_option mserver -l level -x -d 'level of the set in the hierarchy'
__ms_option mserver -l mi -d 'with a member interface built in'
__ms_option mserver -l child -x -d 'be the parent of this set, or stand by to be'
__ms_option mserver -l confirm -x -d 'others asked about a silent neighbour'
__ms_option mserver,mi -l state-dir -x -a '(__fish_complete_directories)' -d 'where the incarnation is kept'
__ms_option mserver -l views -r -F -d 'append every view there, a line of JSON each'
__ms_option mserver -l static -d 'a fixed ring, the command line of 1994'
__ms_option mserver -l failures -r -F -d 'append detected failures there'
__ms_option mserver,mi -l groups -r -F -d 'addresses of groups'
__ms_option mserver,mi -l ttl -x -d 'routers that multicasts cross, plus one'
__ms_option mserver,mi -l lan -x -d 'name of the LAN of member interfaces'
__ms_option mserver,mi -l mi-mode -x -d 'mode of the socket of applications'
__ms_option mserver,mi -l mi-group -x -a '(__fish_complete_groups)' -d 'group of that socket'
__ms_option mserver,mi -l mi-allow -x -d 'who may call there'

__ms_option mi -l port -x -d 'own UDP port'

__ms_option mcaster -l max-groups -x -d 'groups at a time'
__ms_option mcaster -l max-members -x -d 'members of a group at a time'
__ms_option mcaster -l expire -x -d 'remove members silent for so long'
__ms_option mcaster -l rejoin -x -d 'let members silent for so long join anew'
__ms_option mcaster -l rate -x -d 'datagrams a second from one sender'

__ms_option mgr -s c -l config -r -F -d 'configuration'
__ms_option mgr -s i -l interface -x -a '(__fish_print_interfaces)' -d 'own address, or the interface that has it'
__ms_option mgr -l port -x -d 'UDP port of addresses without one'
__ms_option mgr -l level -x -d 'level of the set to join'
__ms_option mgr -l groups -r -F -d 'addresses of groups'
__ms_option mgr -l ttl -x -d 'routers that multicasts cross, plus one'
__ms_option mgr -l key -r -F -d 'sign messages with the keys in this file'
__ms_option mgr -l auth -x -a 'sign prefer require' -d 'what becomes of messages that are not properly signed'
__ms_option mgr -l timeout -x -d 'how long it may take'
__ms_option mgr -l no-wait -d 'do not wait until the view shows it'
__ms_option mgr -s l -l long -d 'members and counters too'
__ms_option mgr -s j -l json -d 'print statistics as JSON'

__ms_option why -l at -x -d 'ask the daemon there only'
__ms_option why -s j -l json -d 'print JSON, one daemon a line'
__ms_option why -l run-dir -x -a '(__fish_complete_directories)' -d 'directory of control sockets'

__ms_option trace -l seconds -x -d 'end after so long'
__ms_option trace -l svg -r -F -d 'draw an event diagram at the end'
__ms_option trace -s j -l json -d 'print JSON, one event a line'
__ms_option trace -l run-dir -x -a '(__fish_complete_directories)' -d 'directory of control sockets'

__ms_option decode -s j -l json -d 'print JSON, one message a line'
__ms_option decode -s p -l port -x -d 'take this UDP port of a capture too'

__ms_option status -s j -l json -d 'print JSON, one daemon a line'
__ms_option status -l run-dir -x -a '(__fish_complete_directories)' -d 'directory of control sockets'

__ms_option demo -l keep -d 'let it run in the end, until SIGINT'
__ms_option sim -l svg -r -F -d 'draw the event diagram as a picture'
__ms_option sim -l walk -x -d 'play the random walk of this seed'
__ms_option sim -l walks -x -d 'try so many random walks'
__ms_option sim -l seed -x -d 'seed of the first of the walks'
__ms_option sim -l hosts -x -d 'hosts of a walk at most'
__ms_option sim -l campus -d 'walk over hierarchies with application groups'
complete -c ms -n '__fish_seen_subcommand_from sim' -a "(ms sim 2>/dev/null | string replace -r '  +' \t)"

__ms_option join,run -l tag -x -d 'what the member says of itself'
__ms_option join,run -l mode -x -a 'create existing' -d 'create the group, or join an existing one'
__ms_option join,run -l name-scope -x -d 'up to where the name is reserved'
__ms_option join,run -l membership-scope -x -d 'how far the group may reach'
__ms_option join,run -l patience -x -d 'failed if it hangs so long'
__ms_option join,run -l order -x -a 'strong weak' -d 'whether all see the same views in one order'
__ms_option join,run -l batch -x -a off -d 'changes that become one view'
__ms_option join,run -l monitor -x -a 'adaptive fixed' -d 'how a member is asked whether it is there'
__ms_option join,run -l roster -x -a 'full count' -d 'what members are told'
__ms_option join,run -l survive -x -a 'all none size majority tag member' -d 'which sides of a partition live'
__ms_option join,run -l merge -x -a 'name none tag member' -d 'which of them become one again'
__ms_option join,run -l no-rejoin -d 'end when the membership does'
__ms_option join,run -l rejoin-always -d 'join again also where the group had to end'
__ms_option join,run -l wait -d 'wait for a member interface'
__ms_option join,watch -l count -x -d 'end after so many views'
__ms_option watch -l interval -x -d 'from one question to the next'
__ms_option leave -l no-wait -d 'do not wait until the member is out'
__ms_option run -l leader -d 'run the command only while the member is the first'
__ms_option run -l allow-split -d 'accept a leader on each side of a partition'
__ms_option run -l grace -x -d 'from SIGTERM to SIGKILL'
__ms_option join,run,leave,merge,split,view,members,watch -l mi -r -F -d 'which member interface'
__ms_option join,run,leave,merge,split,view,members,watch -l timeout -x -d 'how long it may take'
__ms_option join,run,leave,merge,split,view,members,watch,groups -l run-dir -x -a '(__fish_complete_directories)' -d 'directory of the sockets'
__ms_option join,view,members,watch,groups -s j -l json -d 'print JSON'
complete -c ms -n '__fish_seen_subcommand_from join run leave merge split view members watch' -a "(ms groups 2>/dev/null | string replace -rf '^    (\S+) [0-9].*' '\$1')"

__ms_option mserver,mi,mcaster,mgr,decode,status,sim,demo,why,trace,join,run,leave,merge,split,view,members,watch,groups -s h -l help -d 'print the usage'
__ms_option mserver,mi,mcaster,mgr,decode,status,sim,demo,why,trace,join,run,leave,merge,split,view,members,watch,groups -s V -l version -d 'print the version'
