/* A member of a group that tells what it is told, until SIGTERM or SIGINT; then it leaves.
 *
 *     cc -o member member.c $(pkg-config --cflags --libs membership)
 *     ./member orders role=db
 */
#include <membership.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int fail(const char *what)
{
    char why[256];

    ms_last_error(why, sizeof why);
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

static void print_view(const ms_event *event)
{
    const ms_view *view = ms_event_view(event);
    size_t i, length;
    char id[80];

    printf("  rank %u, gid %u\n", ms_view_rank(view), ms_view_gid(view));
    for (i = 0; i < ms_event_came_count(event); i++) {
        const ms_peer *peer = ms_event_came(event, i);
        const char *tag = ms_peer_tag(peer, &length);

        ms_peer_id(peer, id, sizeof id);
        printf("  + %s %.*s\n", id, (int)length, tag);
    }
    for (i = 0; i < ms_event_gone_count(event); i++) {
        ms_peer_id(ms_event_gone(event, i), id, sizeof id);
        printf("  - %s\n", id);
    }
}

int main(int argc, char **argv)
{
    ms_options *options = ms_options_new();
    struct sigaction action;
    ms_member *member;
    ms_event *event;
    int got, last = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: %s GROUP [TAG]\n", argv[0]);
        return 64;
    }
    /* Without SA_RESTART: a signal lets ms_member_next() return. */
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    if (argc > 2)
        ms_options_tag(options, argv[2], strlen(argv[2]));
    if (ms_join(argv[1], options, &member) < 0)
        return fail(argv[1]);
    ms_options_free(options);

    while (!last && (got = ms_member_next(member, 1000, &event)) >= 0) {
        if (got == 1) {
            char text[256];

            ms_event_text(event, text, sizeof text);
            puts(text);
            if (ms_event_kind(event) == MS_EVENT_VIEW)
                print_view(event);
            fflush(stdout);
            last = ms_event_is_last(event);
            ms_event_free(event);
        }
        if (stop) {
            stop = 0;
            ms_member_leave(member);
        }
    }
    if (!last)
        return fail(argv[1]);
    ms_member_free(member);
    return 0;
}
