//! What every store must do. A new store adds a [`Place`] and a line here.

mod leading;
mod model;
pub(crate) mod place;
mod reading;
pub(crate) mod rows;
mod sweeping;
mod writing;

use place::{InMemory, Layered, OnDisk, Place};

/// Runs every row of the suite for a kind of place.
macro_rules! conformance {
    ($name:ident, $place:ty, [$($suite:ident :: $test:ident),* $(,)?]) => {
        mod $name {
            use super::*;
            $(#[test] fn $test() { super::$suite::$test(&<$place>::new()); })*
            #[test] fn it_equals_the_model_whatever_is_written() { super::model::it_equals_the_model(<$place>::new); }
        }
    };
}

macro_rules! every_store {
    ($($name:ident: $place:ty),* $(,)?) => {$(
        conformance!($name, $place, [
            writing::a_commit_is_there_after_a_reopen,
            writing::a_commit_that_contradicts_writes_nothing,
            writing::changes_apply_in_their_order,
            writing::a_change_of_nothing_does_nothing,
            writing::an_end_keeps_row_body_and_result,
            writing::an_end_that_is_not_kept_leaves_nothing,
            writing::an_end_that_is_not_kept_keeps_a_key_with_a_window,
            writing::a_dead_letter_begins_anew,
            writing::a_key_that_was_given_up_does_not_come_back,
            writing::an_effect_takes_place_in_one_task,
            writing::an_occurrence_fires_once,
            writing::pauses_money_and_schedules_come_back,
            writing::the_highest_id_is_remembered_beyond_its_task,
            leading::the_first_leads_and_the_second_follows,
            leading::a_silent_leader_is_replaced_and_fenced,
            leading::a_leader_that_beats_is_not_replaced,
            leading::one_that_resigns_is_followed_at_once,
            leading::nobody_writes_without_leading,
            leading::a_fenced_leader_may_lead_again,
            sweeping::what_is_over_is_forgotten,
            sweeping::beyond_the_most_the_first_to_go_goes_first,
            sweeping::a_key_outlives_its_task,
            sweeping::what_others_wait_for_is_kept_whole,
            sweeping::a_great_sweep_takes_pieces,
            sweeping::firings_are_bounded_and_never_uncovered,
            sweeping::old_effects_and_money_are_forgotten,
            reading::bodies_come_in_the_order_asked,
            reading::a_list_filters_and_pages,
            reading::readers_see_what_is_committed,
        ]);
    )*};
}

every_store! {
    memory: InMemory,
    sqlite: OnDisk,
    layered: Layered,
}
