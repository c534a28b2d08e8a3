/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: messages of NetFlow v9 (RFC 3954) and IPFIX (RFC
 * 7011). Templates, options and waiting sets are kept from message to message.
 */
#ifndef TSN_DECODE_EXPORTS_H
#define TSN_DECODE_EXPORTS_H

#include "decode/plan.h"
#include "decode/sequence.h"

struct tsn_exports;

/* NULL when memory is out. Both must outlive it. */
struct tsn_exports *tsn_exports_new(struct tsn_exporters *exporters, struct tsn_sequences *sequences);
void tsn_exports_free(struct tsn_exports *e);
enum tsn_decode tsn_exports_decode(
    struct tsn_exports *e, const struct tsn_message *m, const struct tsn_want *want, struct tsn_batch_sink *sink);
/* Forgets the session's templates; the sets that wait for one are counted as given up. */
void tsn_exports_session_ended(struct tsn_exports *e, const struct tsn_sender *from);
/* No more messages come: counts the sets that still wait for their template. */
void tsn_exports_finish(struct tsn_exports *e);

/* Its templates; the decoder saves them. */
struct tsn_templates *tsn_exports_templates(struct tsn_exports *e);

#endif
