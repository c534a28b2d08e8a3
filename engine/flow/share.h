/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A share of a batch: some of its rows side by side, as a batch of their own, with the columns that its reader looks at. What goes
 * column by column takes as much time for rows that are passed over as for others; of a share no row is, so the
 * work over it is divided however many shares there are, and only what is read of a batch moves to another core.
 */
#ifndef TSN_FLOW_SHARE_H
#define TSN_FLOW_SHARE_H

#include "flow/batch.h"

struct tsn_share {
	struct tsn_batch *batch;        /* its rows: [wanted] fields, [time], [source] */
	bool received;                  /* [received], too */
	const struct tsn_batch *whole;  /* the batch they are of */
	bool placed;                    /* private: [place] is of this batch */
	bool away;                      /* private: it is for another core */
	_Alignas(64) uint16_t row[TSN_BATCH_ROWS]; /* which row of [whole] each of its rows is */
	uint16_t place[TSN_BATCH_ROWS]; /* private: the other way */
};

/*
 * Of these fields; [received]: and that; [away]: another core than the one that takes it will read it, after tsn_share_sent. NULL when
 * memory is out.
 */
struct tsn_share *tsn_share_new(const struct tsn_field_set *fields, bool received, bool away);
void tsn_share_free(struct tsn_share *s);
/* It becomes that of these rows of [whole], which is in normal form; good as long as [whole] does not change. */
void tsn_share_take(struct tsn_share *s, const struct tsn_batch *whole, const struct tsn_mask *rows);
/* What was taken may be read elsewhere, once that is told. */
void tsn_share_sent(void);
/* Rows of the share as rows of the whole, and a row of the whole that is in the share as its row. */
void tsn_share_widen(const struct tsn_share *s, const struct tsn_mask *rows, struct tsn_mask *out);
uint32_t tsn_share_place(struct tsn_share *s, uint32_t row);

#endif
