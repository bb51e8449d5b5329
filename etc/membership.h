/* membership.h: being a member of groups, by libmembership. See libmembership(3).
 *
 *     ms_member *member;
 *     ms_event *event;
 *     if (ms_join("orders", NULL, &member) == MS_OK)
 *         while (ms_member_next(member, -1, &event) == 1)
 *             ...ms_event_kind(event)...
 *
 * Rules for all of it:
 *
 * Errors are numbers below 0; ms_strerror() has a sentence for each, ms_last_error() that of this thread's last one with its
 * particulars. NULL may be passed for any pointer: functions that return an int return MS_ERR_ARGUMENT then, unless it says
 * otherwise below, functions that free do nothing, all others return 0 or NULL.
 *
 * Strings are UTF-8 and end with a NUL. Functions with a buffer and its size work as snprintf(3): they return the length of the
 * whole string without its NUL, and write as much as there is room for.
 *
 * A handle may be used by one thread at a time; which one may change. Different handles have nothing in common. The library
 * starts no threads and takes no signals. What a function lends (a const pointer) belongs to the handle that it was asked
 * of: it lives until that is freed or, for ms_member_view(), until the next ms_member_next() or ms_member_leave().
 */
#ifndef MEMBERSHIP_H
#define MEMBERSHIP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ms_options ms_options;       /* how to join */
typedef struct ms_member ms_member;         /* a member of a group */
typedef struct ms_event ms_event;           /* what a member is told */
typedef struct ms_view ms_view;             /* a view of a group */
typedef struct ms_peer ms_peer;             /* a member in a view */
typedef struct ms_connection ms_connection; /* for calls by somebody who need not be a member */

enum {
    MS_OK = 0,
    MS_ERR_ARGUMENT = -1, /* an argument is NULL or out of its range */
    MS_ERR_NO_MI = -2,    /* no member interface answers */
    MS_ERR_NAME = -3,     /* not the name of a group */
    MS_ERR_TOO_LONG = -4, /* a tag, a rule or a list */
    MS_ERR_CLOSED = -5,   /* the member interface does not let us in: trying again does not help */
    MS_ERR_GONE = -6,     /* the member interface closed the connection */
    MS_ERR_TIMEOUT = -7,  /* no answer in time; the call may still have its effect */
    MS_ERR_UNKNOWN = -8,  /* the member interface went away; the call may have had its effect */
    MS_ERR_OVER = -9,     /* the membership has ended */
    MS_ERR_BREACH = -10,  /* the member interface makes no sense */
    MS_ERR_SYSTEM = -11,  /* the system refused something */
    MS_ERR_PANIC = -12,   /* the library failed; free the handle */
    MS_ERR_QUALITY = -13, /* a quality of service cannot be had like that */

    MS_REFUSED_EXISTS = -16,
    MS_REFUSED_NOT_FOUND = -17,
    MS_REFUSED_SCOPE_EXCEEDED = -18,
    MS_REFUSED_NOT_MEMBER = -19,
    MS_REFUSED_TERMINATED = -20,
    MS_REFUSED_TOO_LARGE = -21,
    MS_REFUSED_NOT_POSSIBLE = -22,
    MS_REFUSED_NOT_AUTHORISED = -23,
    MS_REFUSED_NO_MSERVER = -24,
    MS_REFUSED_TOO_MANY = -25,
    MS_REFUSED_NOT_SUPPORTED = -26
};

/* The sentence of an error: for ever there. */
const char *ms_strerror(int error);
/* That of this thread's last one, with its particulars. */
size_t ms_last_error(char *buffer, size_t size);
/* The version of the library. */
const char *ms_version(void);

/* How to join. Each setting returns MS_OK or an error, which changes nothing. */

enum { MS_JOIN_OR_CREATE = 0, MS_CREATE = 1, MS_EXISTING = 2 };
enum { MS_STRONG = 0, MS_WEAK = 1 };
enum { MS_REJOIN_NEVER = 0, MS_REJOIN_ALIVE = 1, MS_REJOIN_ALWAYS = 2 };

ms_options *ms_options_new(void);
void ms_options_free(ms_options *);
/* Whether the group may or must be created. Default: MS_JOIN_OR_CREATE. */
int ms_options_mode(ms_options *, int mode);
/* What the member says of itself, at most 64 bytes. Default: nothing. */
int ms_options_tag(ms_options *, const void *tag, size_t length);
/* Milliseconds that the application may be silent before it counts as failed. It is asked, and answers in ms_member_next().
 * Default, 0: it is there as long as its process. */
int ms_options_patience(ms_options *, uint32_t ms);
/* The socket of the member interface, or a directory of such. NULL, the default: $MS_MI, else the run directory. */
int ms_options_place(ms_options *, const char *path);
/* Whether to join again: when the member interface came back, or when the group took us for dead; always also when this side
 * of a partition had to end, or was cut off, as soon as the group is there again. Default: MS_REJOIN_ALIVE. */
int ms_options_rejoin(ms_options *, int when);
/* Whether to wait for a member interface that is not there yet. Default: 0, ms_join() fails. */
int ms_options_wait(ms_options *, int yes);

/* What follows counts if this join creates the group: its quality of service. What cannot be, ms_join() refuses with
 * MS_ERR_QUALITY; what the daemons do not carry out, an event does with MS_REFUSED_NOT_SUPPORTED. */

/* Any of it by its name and in words, as ms(1) has them: "monitor", "fixed 1s x 3". What comes to be in later versions has no
 * function of its own. */
int ms_options_quality(ms_options *, const char *name, const char *words);
/* Default: MS_STRONG, changes are agreed on before anybody sees them. */
int ms_options_order(ms_options *, int order);
/* So many changes, or those of so much time, become one view. Default: each is one. */
int ms_options_batch(ms_options *, uint16_t changes, uint32_t ms);
/* Members are asked once in so many milliseconds, and have failed when they have not answered for so many retries and one more:
 * a bound of detection, however slow they or their hosts are. Default, 0 ms: timeouts follow what is measured. */
int ms_options_monitor(ms_options *, uint32_t every_ms, uint8_t retries);
/* Members are told the size and their rank, not the roster. Default: 0. */
int ms_options_count_only(ms_options *, int yes);
/* On which condition a side of a partition lives, as "majority" or "size >= 3 and tag role=db": see ms(1). Default: any does. */
int ms_options_survive(ms_options *, const char *rule);
/* On which condition sides become one again. Default: because they were one. */
int ms_options_merge(ms_options *, const char *rule);
/* Up to where the name is reserved, and how far the group is searched and reaches: "top", the default, the number of a level,
 * or the name of a set. */
int ms_options_name_scope(ms_options *, const char *scope);
int ms_options_membership_scope(ms_options *, const char *scope);

/* Members. */

/* Joins a group; the options may be NULL, and are copied. It does not wait: the first event says whether the join came to be.
 * On an error *member is NULL. */
int ms_join(const char *group, const ms_options *, ms_member **member);
/* Frees the handle. A member that has not left fails, as it would with the end of its process. */
void ms_member_free(ms_member *);
/* To poll for reading; the same as long as the handle lives. When it is ready: ms_member_next() with a timeout of 0, until
 * it returns 0. It is not to be read or closed. */
int ms_member_fd(const ms_member *);
/* The next event: 1 and *event, to be freed; 0 and NULL if there was none within timeout_ms, or a signal was caught; or an
 * error. With a timeout of 0 it does not wait, below 0 it waits for ever. MS_ERR_OVER behind the last event. */
int ms_member_next(ms_member *, int timeout_ms, ms_event **event);
/* Asks to leave. The last event says that it did; the handle may also be freed at once, and it does all the same. */
int ms_member_leave(ms_member *);
/* The view of the last event; NULL while it is no member. */
const ms_view *ms_member_view(const ms_member *);

/* Events. */

enum {
    MS_EVENT_VIEW = 1,         /* the group has a new view */
    MS_EVENT_RENAMED = 2,      /* it goes by another name; its next view follows */
    MS_EVENT_OUT = 3,          /* it goes on without this member: see the reason */
    MS_EVENT_REFUSED = 4,      /* the join had no effect: see the error */
    MS_EVENT_MSERVER_LOST = 5, /* views may be missing from now on */
    MS_EVENT_MSERVER_FOUND = 6,
    MS_EVENT_DISCONNECTED = 7, /* the membership ended with its member interface: see the error, and the last view */
    MS_EVENT_REJOINED = 8      /* a new membership begins; its first view tells what happened meanwhile */
};

enum {
    MS_REASON_CREATED = 0,
    MS_REASON_JOINED = 1,
    MS_REASON_LEFT = 2,
    MS_REASON_FAILED = 3,
    MS_REASON_PARTITIONED = 4,
    MS_REASON_MERGED = 5,
    MS_REASON_SPLIT = 6,
    MS_REASON_RESYNC = 7,
    MS_REASON_TERMINATED = 8 /* of MS_EVENT_OUT: this side of a partition had to end */
};

void ms_event_free(ms_event *);
int ms_event_kind(const ms_event *);
/* Nothing follows on it. */
int ms_event_is_last(const ms_event *);
/* It is the first view of a membership. */
int ms_event_is_first(const ms_event *);
/* MS_EVENT_VIEW: the view. MS_EVENT_OUT, MS_EVENT_DISCONNECTED: the last one, or NULL. */
const ms_view *ms_event_view(const ms_event *);
/* Of MS_EVENT_VIEW and MS_EVENT_OUT; of others -1. */
int ms_event_reason(const ms_event *);
/* Of MS_EVENT_REFUSED and MS_EVENT_DISCONNECTED; of others 0. */
int ms_event_error(const ms_event *);
/* Of MS_EVENT_REJOINED: for how long it was no member. */
uint64_t ms_event_away_ms(const ms_event *);
/* What was, and what is from now on: of MS_EVENT_RENAMED the names of the group; of MS_EVENT_REJOINED the members, as ms_peer_id()
 * has them; of MS_EVENT_OUT and MS_EVENT_DISCONNECTED the member that it was. */
size_t ms_event_was(const ms_event *, char *buffer, size_t size);
size_t ms_event_now(const ms_event *, char *buffer, size_t size);
/* Who came and went since the view before, also if that was of the membership before. NULL where the index is too large. */
size_t ms_event_came_count(const ms_event *);
const ms_peer *ms_event_came(const ms_event *, size_t index);
size_t ms_event_gone_count(const ms_event *);
const ms_peer *ms_event_gone(const ms_event *, size_t index);
/* The event in words, for a log. */
size_t ms_event_text(const ms_event *, char *buffer, size_t size);

/* Views. */

/* The name of the group. */
size_t ms_view_group(const ms_view *, char *buffer, size_t size);
/* Which group of that name, for ever. Of two views of one incarnation the later one has the greater (term, number): together
 * they fence what one member alone is to use. */
size_t ms_view_incarnation(const ms_view *, char *buffer, size_t size);
uint32_t ms_view_term(const ms_view *);
uint32_t ms_view_number(const ms_view *);
/* Members in it. */
uint32_t ms_view_size(const ms_view *);
/* This member's place in it, 0 being the most senior, and its gid; UINT32_MAX for who is no member. */
uint32_t ms_view_rank(const ms_view *);
uint32_t ms_view_gid(const ms_view *);
/* What the group's creator chose, by its name and in words, as ms_options_quality() takes them. */
size_t ms_view_quality(const ms_view *, const char *name, char *buffer, size_t size);
/* Members with equal digests have the same view. */
void ms_view_digest(const ms_view *, unsigned char digest[16]);
/* The members in the order of seniority; none where the group tells only its size. NULL where the rank is too large. */
size_t ms_view_count(const ms_view *);
const ms_peer *ms_view_peer(const ms_view *, size_t rank);
/* Frees the view of ms_ask_view(), and no other. */
void ms_view_free(ms_view *);

/* A member's number in the group. */
uint32_t ms_peer_gid(const ms_peer *);
/* What it says of itself: so many bytes, and no NUL behind them. */
const void *ms_peer_tag(const ms_peer *, size_t *length);
/* Who it is, for ever: ADDRESS:PORT/LIFE#NUMBER. */
size_t ms_peer_id(const ms_peer *, char *buffer, size_t size);
/* The address of its host. */
size_t ms_peer_host(const ms_peer *, char *buffer, size_t size);

/* Calls. A timeout below 0 is none. */

/* A connection to the member interface at that path; NULL: at the usual place. On an error *connection is NULL. */
int ms_open(const char *path, ms_connection **connection);
void ms_close(ms_connection *);
/* The view of a group as it is now, to be freed. On an error *view is NULL. */
int ms_ask_view(ms_connection *, const char *group, int timeout_ms, ms_view **view);
/* Makes the other group part of this one. */
int ms_merge(ms_connection *, const char *group, const char *other, int timeout_ms);
/* Lets members, by their gids, go to a group of their own. */
int ms_split(ms_connection *, const char *group, const char *new_group, const uint32_t *gids, size_t count, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
