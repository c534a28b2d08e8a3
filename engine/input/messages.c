/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/messages.h"

#include <string.h>

/* [n] bytes are wanted [at] bytes ahead; how many there are from there. */
static size_t
ahead(const struct tsn_messages *m, size_t at, size_t n)
{
	size_t have = tsn_reader_need(m->reader, at + n);

	return have > at ? have - at : 0;
}

static const uint8_t *
bytes(const struct tsn_messages *m, size_t at)
{
	return m->reader->buf + m->reader->pos + at;
}

/* What the message says that begins [at] bytes ahead; -1 if none does. */
static int64_t
extent_at(const struct tsn_messages *m, size_t at)
{
	size_t n = ahead(m, at, 1), more;
	int64_t extent;

	for (;;) {
		extent = m->extent(bytes(m, at), n, m->reader->eof);
		if (extent != 0)
			return extent <= (int64_t)TSN_MESSAGE_MAX ? extent : -1;
		more = n <= TSN_MESSAGE_MAX ? ahead(m, at, n + 1) : n;
		if (more <= n)
			return m->reader->eof ? m->extent(bytes(m, at), n, true) : -1;
		n = more;
	}
}

static bool
sure_at(const struct tsn_messages *m, size_t at, size_t len)
{
	return ahead(m, at, len) >= len && m->sure(bytes(m, at), len);
}

/* A message whose inside is in doubt is one if the input ends behind it or another one begins there. */
static bool
fits(const struct tsn_messages *m, size_t end)
{
	return ahead(m, end, 1) == 0 || (extent_at(m, end) > 0 && memcmp(bytes(m, end), m->version, 2) == 0);
}

/*
 * How many bytes are no message, from the first on. Small messages can be read into any bytes, so one found here must be of the
 * kind that the input has, and another one or the end must come behind it.
 */
static size_t
gap(const struct tsn_messages *m)
{
	int64_t len;
	size_t n = 1;

	for (; n < TSN_MESSAGE_GAP && ahead(m, n, 1) > 0; n++) {
		if (ahead(m, n, 2) < 2 || memcmp(bytes(m, n), m->version, 2) != 0)
			continue;
		len = extent_at(m, n);
		if (len > 0 && sure_at(m, n, (size_t)len) && fits(m, n + (size_t)len))
			break;
	}
	return n;
}

enum tsn_messages_found
tsn_messages_next(struct tsn_messages *m, struct tsn_message_piece *out)
{
	enum tsn_messages_found found = TSN_MESSAGES_GAP;
	int64_t extent;
	size_t have;

	if (ahead(m, 0, 1) == 0)
		return TSN_MESSAGES_END;
	if (m->reader->offset == 0 && ahead(m, 0, 2) >= 2)
		memcpy(m->version, bytes(m, 0), 2);
	extent = extent_at(m, 0);
	have = extent > 0 ? ahead(m, 0, (size_t)extent) : 0;
	*out = (struct tsn_message_piece){ .offset = m->reader->offset };
	if (extent > 0 && have >= (size_t)extent && (m->sure(bytes(m, 0), (size_t)extent) || fits(m, (size_t)extent))) {
		found = TSN_MESSAGES_ONE;
		out->len = (size_t)extent;
	} else {
		out->len = gap(m);
		if (extent > 0 && have < (size_t)extent && out->len >= have) {
			found = TSN_MESSAGES_CUT;
			out->len = have;
		}
	}
	if (found != TSN_MESSAGES_GAP)
		out->p = bytes(m, 0);
	tsn_reader_take(m->reader, out->len);
	return found;
}
