/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the alert room: what alerts as bytes are made of, for who writes them (save.c) and who reads them (load.c). */
#ifndef TSN_ALERT_SAVE_H
#define TSN_ALERT_SAVE_H

#include "alert/stage.h"
#include "base/pack.h"

/* --- save_entry.c --- */

/*
 * What an entry consists of is told once, for both ways: each of the functions tsn_alert_io_... passes its fields through one of these,
 * which writes them, or reads them and says what cannot be.
 */
struct tsn_alert_io {
	struct tsn_pack *out;  /* one of the two */
	struct tsn_unpack *in;
};

/* Times and panes with which arithmetic may be done, or TSN_TIME_NONE. */
void tsn_alert_io_time(struct tsn_alert_io *x, int64_t *v);
void tsn_alert_io_pane(struct tsn_alert_io *x, int64_t *v, int64_t pane_ms);
/* The key goes before it, and what it is now: they decide what is made. */
void tsn_alert_io_entry(struct tsn_alert_io *x, struct tsn_alert_entry *e);
/* Of an entry that is open or pending. False: bad, or memory is out. */
bool tsn_alert_io_details(struct tsn_alert_io *x, struct tsn_alert_details *d, const struct tsn_rule *r);
bool tsn_alert_io_members(struct tsn_alert_io *x, const struct tsn_rule *r, struct tsn_alert_members *m);

/*
 * Parts of their own. What was saved of a flow for the rule's message is only known to mean the same where rule and message
 * are the [same]; else it is known again with the next match, as after a reload.
 */
void tsn_alert_save_saved(const struct tsn_alert_details *d, struct tsn_pack *out);
bool tsn_alert_load_saved(const struct tsn_alert_rule *r, struct tsn_alert_details *d, struct tsn_unpack in, bool same);
void tsn_alert_save_notes(const struct tsn_alert_details *d, struct tsn_pack *out);
bool tsn_alert_load_notes(struct tsn_alert_details *d, struct tsn_unpack in);

/* --- save_sign.c --- */

/* What decides whether something of a rule means the same to the rule of its name that reads it: its key, its marks, what it saved. */
enum tsn_alert_signature { TSN_SIGNATURE_KEY, TSN_SIGNATURE_WATCH, TSN_SIGNATURE_SAVED };
void tsn_alert_put_signature(const struct tsn_alert_rule *r, enum tsn_alert_signature which, struct tsn_pack *out);
bool tsn_alert_same_signature(const struct tsn_alert_rule *r, enum tsn_alert_signature which, struct tsn_unpack *in);

#endif
