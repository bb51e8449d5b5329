/* Messages: made, flattened to a datagram, and read back from one. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORTHLESS 0x408008c0u	/* looks like a pointer of such a machine */
#define STACK_CONTENT 0x0b54u	/* seen in data_len of an unoptimised build */

int garbage_data_len = 0;

/*
 * A fresh message as dirty as can be.  Whatever form() does not write stays:
 * padding, the bytes behind the name, the subject's address and rank.
 */
void soil(struct message *m)
{
	unsigned char *byte = (unsigned char *)m;
	size_t i;

	for (i = 0; i < sizeof *m; i++)
		byte[i] = (unsigned char)(0xa1 + i % 64);
	m->exclude_list = m->subject_list = NULL;
	m->excl_list_len = m->subj_list_len = 0;
	m->data = NULL;
	m->data_len = 0;
}

/* Writes the fields an original writes, and no others. */
void form(struct message *m, const char *group, unsigned type,
    unsigned sender, unsigned subject)
{
	m->vers = 1;
	m->checksum = 0xffff;
	if (group != m->group_name)
		strcpy(m->group_name, group);
	m->group_view = 0;
	m->authentication = 0;
	m->sender_gid = (unsigned short)sender;
	m->msg_type = (unsigned short)type;
	m->subject_gid = (unsigned short)subject;
	m->data = NULL;
	m->data_len = garbage_data_len ? STACK_CONTENT : 0;
}

/* At the head, so that a list is sent in the reverse order of its making. */
int add_gid(struct gid_entry **list, unsigned gid)
{
	struct gid_entry *entry;

	for (entry = *list; entry != NULL; entry = entry->next)
		if (entry->gid == gid)
			return 0;
	entry = malloc(sizeof *entry);
	if (entry == NULL)
		die("malloc");
	entry->gid = (unsigned short)gid;
	entry->next = *list;
	*list = entry;
	return 1;
}

static void drop_list(struct gid_entry **list)
{
	while (*list != NULL) {
		struct gid_entry *entry = *list;

		*list = entry->next;
		free(entry);
	}
}

void drop_lists(struct message *m)
{
	drop_list(&m->exclude_list);
	drop_list(&m->subject_list);
	m->excl_list_len = m->subj_list_len = 0;
}

static char *put_list(char *to, const struct gid_entry *list)
{
	for (; list != NULL; list = list->next) {
		memcpy(to, &list->gid, sizeof list->gid);
		to += sizeof list->gid;
	}
	return to;
}

/*
 * The struct as it lies in memory, the gids, the data.  The pointers of this
 * process go out with it, as they did in 1994, but as constants: two runs of
 * a test must send the same bytes.
 */
size_t flatten(const struct message *m, char *buffer)
{
	struct message *head = (struct message *)buffer;
	char *to = buffer + sizeof *m;

	memcpy(buffer, m, sizeof *m);
	head->exclude_list = (struct gid_entry *)(WORTHLESS + 1);
	head->subject_list = (struct gid_entry *)(WORTHLESS + 2);
	head->data = (char *)(WORTHLESS + 3);
	to = put_list(to, m->exclude_list);
	to = put_list(to, m->subject_list);
	if (m->data != NULL) {
		memcpy(to, m->data, m->data_len);
		to += m->data_len;
	}
	return (size_t)(to - buffer);
}

static const char *take_list(struct gid_entry **list, unsigned count,
    const char *from, enum parsed *result)
{
	unsigned short gid;

	*list = NULL;
	for (; count > 0; count--) {
		memcpy(&gid, from, sizeof gid);
		from += sizeof gid;
		if (!add_gid(list, gid))
			*result = DUPLICATE_GID;
	}
	return from;
}

static int declares_garbage(unsigned type)
{
	return type == QUERY || type == REPLY
	    || (type >= JOIN_GROUP && type <= NEG_LEAVE);
}

/*
 * Overlays `m` with what arrived and rebuilds its lists, each reversed.  The
 * data stay in the buffer.  Where an original would have read beyond what it
 * got we say so instead of doing it: such a message must never be sent to one.
 */
enum parsed parse(struct message *m, const char *buffer, size_t got)
{
	const char *from = buffer + sizeof *m;
	enum parsed result = GOOD;
	size_t lists;

	drop_lists(m);
	if (got < sizeof *m)
		return OVERRUN;
	memcpy(m, buffer, sizeof *m);
	m->exclude_list = m->subject_list = NULL;
	m->data = NULL;
	lists = 2 * ((size_t)m->excl_list_len + m->subj_list_len);
	if (got == sizeof *m && lists == 0 && declares_garbage(m->msg_type))
		return GOOD;
	if (lists > got - sizeof *m || m->data_len > got - sizeof *m - lists)
		return OVERRUN;
	from = take_list(&m->exclude_list, m->excl_list_len, from, &result);
	from = take_list(&m->subject_list, m->subj_list_len, from, &result);
	m->data = (char *)from;
	return result;
}

const char *type_name(unsigned type)
{
	static char number[16];

	switch (type) {
	case QUERY: return "QUERY";
	case REPLY: return "REPLY";
	case JOIN_GROUP: return "JOIN_GROUP";
	case LEAVE_GROUP: return "LEAVE_GROUP";
	case JOIN_ACK: return "JOIN_ACK";
	case DUP_MEMBER: return "DUP_MEMBER";
	case NEG_JOIN: return "NEG_JOIN";
	case LEAVE_ACK: return "LEAVE_ACK";
	case NO_GROUP: return "NO_GROUP";
	case NO_MEMBER: return "NO_MEMBER";
	case NEG_LEAVE: return "NEG_LEAVE";
	}
	sprintf(number, "%u", type);
	return number;
}

void print_list(const char *label, const struct gid_entry *list)
{
	const char *between = "";

	printf(" %s=", label);
	for (; list != NULL; list = list->next) {
		printf("%s%u", between, (unsigned)list->gid);
		between = ",";
	}
}

void print_hex(const void *bytes, size_t count)
{
	const unsigned char *byte = bytes;

	while (count-- > 0)
		printf("%02x", (unsigned)*byte++);
}
