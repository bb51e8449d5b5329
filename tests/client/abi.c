/* Every function of membership.h, against the member interface that abi.rs plays; argv[1] is its place. */
#include <membership.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            exit(1); \
        } \
    } while (0)

static char text[256];

/* NULL is an error, or nothing, and never a crash. */
static void nulls(void)
{
    size_t length = 7;
    ms_options *options = ms_options_new();
    ms_member *member = (ms_member *)&length;

    CHECK(ms_options_mode(NULL, MS_CREATE) == MS_ERR_ARGUMENT);
    CHECK(ms_options_mode(options, 3) == MS_ERR_ARGUMENT);
    CHECK(ms_options_tag(options, NULL, 3) == MS_ERR_ARGUMENT);
    CHECK(ms_options_tag(options, NULL, 0) == MS_OK);
    CHECK(ms_options_order(options, 2) == MS_ERR_ARGUMENT);
    CHECK(ms_options_survive(options, NULL) == MS_ERR_ARGUMENT);
    CHECK(ms_options_merge(options, "\xff") == MS_ERR_ARGUMENT);
    CHECK(ms_options_name_scope(options, "a b") == MS_ERR_NAME);
    CHECK(ms_options_place(options, NULL) == MS_OK);
    CHECK(ms_join("orders", options, NULL) == MS_ERR_ARGUMENT);
    CHECK(ms_join(NULL, options, &member) == MS_ERR_ARGUMENT && member == NULL);
    CHECK(ms_member_fd(NULL) == MS_ERR_ARGUMENT);
    CHECK(ms_member_next(NULL, 0, NULL) == MS_ERR_ARGUMENT);
    CHECK(ms_member_leave(NULL) == MS_ERR_ARGUMENT);
    CHECK(ms_member_view(NULL) == NULL);
    CHECK(ms_event_kind(NULL) == 0 && ms_event_is_last(NULL) == 0 && ms_event_is_first(NULL) == 0);
    CHECK(ms_event_view(NULL) == NULL && ms_event_reason(NULL) == -1 && ms_event_error(NULL) == 0);
    CHECK(ms_event_came_count(NULL) == 0 && ms_event_came(NULL, 0) == NULL);
    CHECK(ms_event_gone_count(NULL) == 0 && ms_event_gone(NULL, 0) == NULL);
    CHECK(ms_event_away_ms(NULL) == 0 && ms_event_text(NULL, text, sizeof text) == 0);
    CHECK(ms_view_group(NULL, NULL, 0) == 0 && ms_view_incarnation(NULL, NULL, 0) == 0);
    CHECK(ms_view_term(NULL) == 0 && ms_view_number(NULL) == 0 && ms_view_size(NULL) == 0);
    CHECK(ms_view_rank(NULL) == UINT32_MAX && ms_view_gid(NULL) == UINT32_MAX);
    CHECK(ms_view_count(NULL) == 0 && ms_view_peer(NULL, 0) == NULL);
    ms_view_digest(NULL, NULL);
    CHECK(ms_peer_gid(NULL) == UINT32_MAX);
    ms_peer_tag(NULL, &length);
    CHECK(length == 0 && ms_peer_id(NULL, text, 0) == 0 && ms_peer_host(NULL, text, 0) == 0);
    CHECK(ms_open("/nowhere", NULL) == MS_ERR_ARGUMENT);
    CHECK(ms_ask_view(NULL, "orders", 0, NULL) == MS_ERR_ARGUMENT);
    CHECK(ms_merge(NULL, "a", "b", 0) == MS_ERR_ARGUMENT);
    CHECK(ms_split(NULL, "a", "b", NULL, 0, 0) == MS_ERR_ARGUMENT);
    ms_options_free(NULL);
    ms_member_free(NULL);
    ms_event_free(NULL);
    ms_view_free(NULL);
    ms_close(NULL);
    ms_options_free(options);
}

static void errors(void)
{
    ms_options *options = ms_options_new();
    ms_member *member;
    char tag[65] = { 0 };
    char small[4];
    int error;

    for (error = MS_ERR_PANIC; error <= MS_OK; error++)
        CHECK(strcmp(ms_strerror(error), "not an error of this library") != 0);
    for (error = MS_REFUSED_TOO_MANY; error <= MS_REFUSED_EXISTS; error++)
        CHECK(strcmp(ms_strerror(error), "not an error of this library") != 0);
    CHECK(strcmp(ms_strerror(MS_REFUSED_NOT_SUPPORTED - 1), "not an error of this library") == 0);
    CHECK(strcmp(ms_strerror(1), "not an error of this library") == 0);
    CHECK(strcmp(ms_strerror(INT32_MIN), "not an error of this library") == 0);
    CHECK(strcmp(ms_strerror(MS_REFUSED_NO_MSERVER), "no mserver could be reached") == 0);
    CHECK(strchr(ms_version(), '.') != NULL);

    CHECK(ms_join("a b", NULL, &member) == MS_ERR_NAME && member == NULL);
    CHECK(ms_last_error(text, sizeof text) == strlen(text));
    CHECK(strncmp(text, "the group's name contains ' '", 29) == 0);
    CHECK(ms_last_error(small, sizeof small) == strlen(text) && strcmp(small, "the") == 0);
    CHECK(ms_options_place(options, "/nowhere/x.mi") == MS_OK);
    CHECK(ms_join("orders", options, &member) == MS_ERR_NO_MI);
    ms_last_error(text, sizeof text);
    CHECK(strstr(text, "/nowhere/x.mi") != NULL);
    CHECK(ms_options_tag(options, tag, sizeof tag) == MS_OK);
    CHECK(ms_join("orders", options, &member) == MS_ERR_TOO_LONG);
    ms_options_free(options);
}

static ms_event *next(ms_member *member, int kind)
{
    ms_event *event;

    CHECK(ms_member_next(member, 20000, &event) == 1);
    CHECK(ms_event_kind(event) == kind);
    return event;
}

static void membership(const char *place)
{
    ms_options *options = ms_options_new();
    unsigned char digest[16] = { 0 }, before[16];
    const ms_view *view;
    struct pollfd fd;
    ms_member *member;
    ms_event *event;
    size_t length;

    CHECK(ms_options_place(options, place) == MS_OK);
    CHECK(ms_options_mode(options, MS_EXISTING) == MS_OK);
    CHECK(ms_options_tag(options, "role=db", 7) == MS_OK);
    CHECK(ms_options_patience(options, 5000) == MS_OK);
    CHECK(ms_options_order(options, MS_WEAK) == MS_OK);
    CHECK(ms_options_batch(options, 3, 4) == MS_OK);
    CHECK(ms_options_monitor(options, 900, 2) == MS_OK);
    CHECK(ms_options_quality(options, "batch", "ten or 50ms") == MS_ERR_QUALITY);
    ms_last_error(text, sizeof text);
    CHECK(strcmp(text, "batch ten or 50ms: must be off, or so many changes or so much time, as 10 or 50ms") == 0);
    CHECK(ms_options_quality(options, "colour", "red") == MS_ERR_QUALITY);
    CHECK(ms_options_quality(options, "roster", "count") == MS_OK);
    CHECK(ms_options_count_only(options, 0) == MS_OK);
    CHECK(ms_options_survive(options, "size >= 2") == MS_OK);
    CHECK(ms_options_merge(options, "none") == MS_OK);
    CHECK(ms_options_name_scope(options, "campus") == MS_OK);
    CHECK(ms_options_membership_scope(options, "2") == MS_OK);
    CHECK(ms_options_rejoin(options, 3) == MS_ERR_ARGUMENT);
    CHECK(ms_options_rejoin(options, MS_REJOIN_ALIVE) == MS_OK);
    CHECK(ms_options_wait(options, 1) == MS_OK);
    CHECK(ms_join("orders", options, &member) == MS_OK);
    ms_options_free(options);

    CHECK(ms_member_view(member) == NULL);
    fd.fd = ms_member_fd(member);
    fd.events = POLLIN;
    CHECK(fd.fd >= 0 && poll(&fd, 1, 20000) == 1);

    event = next(member, MS_EVENT_VIEW);
    CHECK(ms_event_is_first(event) && !ms_event_is_last(event));
    CHECK(ms_event_reason(event) == MS_REASON_JOINED && ms_event_error(event) == 0);
    CHECK(ms_event_came_count(event) == 3 && ms_event_gone_count(event) == 0);
    CHECK(ms_event_came(event, 3) == NULL);
    ms_event_text(event, text, sizeof text);
    CHECK(strcmp(text, "orders: view 1 of 3 members, joined") == 0);
    view = ms_event_view(event);
    CHECK(ms_view_rank(view) == 2 && ms_view_gid(view) == 12 && ms_view_size(view) == 3);
    CHECK(ms_view_term(view) == 1 && ms_view_number(view) == 1 && ms_view_count(view) == 3);
    CHECK(ms_view_group(view, text, sizeof text) == 6 && strcmp(text, "orders") == 0);
    ms_view_incarnation(view, text, sizeof text);
    CHECK(strcmp(text, "127.0.0.1:2900/1#1") == 0);
    CHECK(ms_view_quality(view, "survive", text, sizeof text) == 9 && strcmp(text, "size >= 2") == 0);
    CHECK(ms_view_quality(view, "colour", text, sizeof text) == 0 && ms_view_quality(view, NULL, NULL, 0) == 0);
    ms_view_digest(view, before);
    ms_event_free(event);

    event = next(member, MS_EVENT_VIEW);
    CHECK(ms_event_came_count(event) == 1 && !ms_event_is_first(event));
    CHECK(memcmp(ms_peer_tag(ms_event_came(event, 0), &length), "role=db", 7) == 0 && length == 7);
    ms_event_free(event);
    view = ms_member_view(member);
    CHECK(ms_view_number(view) == 2 && ms_peer_gid(ms_view_peer(view, 3)) == 13);
    CHECK(ms_view_peer(view, 4) == NULL);
    ms_peer_id(ms_view_peer(view, 3), text, sizeof text);
    CHECK(strcmp(text, "127.0.0.1:2900/1#7") == 0);
    ms_peer_host(ms_view_peer(view, 3), text, sizeof text);
    CHECK(strcmp(text, "127.0.0.1") == 0);
    ms_view_digest(view, digest);
    CHECK(memcmp(digest, before, sizeof digest) != 0);

    event = next(member, MS_EVENT_VIEW);
    CHECK(ms_event_gone_count(event) == 1 && ms_event_reason(event) == MS_REASON_FAILED);
    CHECK(ms_peer_gid(ms_event_gone(event, 0)) == 10);
    ms_event_free(event);

    ms_event_free(next(member, MS_EVENT_MSERVER_LOST));
    ms_event_free(next(member, MS_EVENT_MSERVER_FOUND));

    event = next(member, MS_EVENT_DISCONNECTED);
    CHECK(ms_event_error(event) == MS_ERR_GONE && ms_view_number(ms_event_view(event)) == 3);
    CHECK(!ms_event_is_last(event) && ms_member_view(member) == NULL);
    ms_event_free(event);
    event = next(member, MS_EVENT_REJOINED);
    CHECK(ms_event_away_ms(event) >= 1);
    CHECK(ms_event_was(event, text, sizeof text) == 18 && strcmp(text, "127.0.0.1:2900/1#3") == 0);
    CHECK(ms_event_now(event, text, sizeof text) == 18 && strcmp(text, "127.0.0.1:2900/1#8") == 0);
    ms_event_free(event);
    event = next(member, MS_EVENT_RENAMED);
    CHECK(ms_event_was(event, text, sizeof text) == 6 && strcmp(text, "orders") == 0);
    CHECK(ms_event_now(event, text, sizeof text) == 9 && strcmp(text, "orders.11") == 0);
    ms_event_free(event);
    ms_event_free(next(member, MS_EVENT_VIEW));

    CHECK(ms_member_leave(member) == MS_OK);
    event = next(member, MS_EVENT_OUT);
    CHECK(ms_event_is_last(event) && ms_event_reason(event) == MS_REASON_LEFT);
    CHECK(ms_event_was(event, NULL, 0) == 18 && ms_event_now(event, NULL, 0) == 0 && ms_event_was(NULL, NULL, 0) == 0);
    ms_event_free(event);
    CHECK(ms_member_next(member, -1, &event) == MS_ERR_OVER && event == NULL);
    ms_member_free(member);
}

static void refused(const char *place)
{
    ms_options *options = ms_options_new();
    ms_member *member;
    ms_event *event;

    ms_options_place(options, place);
    CHECK(ms_join("orders", options, &member) == MS_OK);
    CHECK(ms_member_next(member, 0, &event) == 0 && event == NULL);
    event = next(member, MS_EVENT_REFUSED);
    CHECK(ms_event_error(event) == MS_REFUSED_TERMINATED && ms_event_is_last(event));
    ms_event_free(event);
    ms_member_free(member);
    ms_options_free(options);
}

static void calls(const char *place)
{
    const uint32_t gids[2] = { 4, 5 };
    ms_connection *connection;
    ms_view *view;

    CHECK(ms_open("/nowhere", &connection) == MS_ERR_NO_MI && connection == NULL);
    CHECK(ms_open(place, &connection) == MS_OK);
    CHECK(ms_ask_view(connection, "orders", 20000, &view) == MS_OK);
    CHECK(ms_view_count(view) == 3 && ms_view_rank(view) == UINT32_MAX);
    ms_view_free(view);
    CHECK(ms_merge(connection, "orders", "other", 20000) == MS_REFUSED_EXISTS);
    CHECK(ms_split(connection, "orders", "other", gids, 2, -1) == MS_OK);
    CHECK(ms_merge(connection, "orders", "other", 10) == MS_ERR_TIMEOUT);
    CHECK(ms_split(connection, "orders", "other", NULL, 2, -1) == MS_ERR_ARGUMENT);
    ms_close(connection);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    nulls();
    errors();
    membership(argv[1]);
    refused(argv[1]);
    calls(argv[1]);
    return 0;
}
