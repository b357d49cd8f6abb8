//! The API's contract, generated from the handlers it describes.

use utoipa::OpenApi;

use crate::access::api as people;
use crate::intake::{api, calls, program, settings, support, vendor};
use crate::surface::{
    api as questions, board, calls as called, health, manager, notice, program as shown, report, support as supporting,
    vitals,
};
use crate::{quality, rehearsal};

/// Version 1 of the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Machiai",
        description = "The waiting room's commands and questions: on loopback, and over TLS for paired devices."
    ),
    paths(
        api::open_line,
        api::on_line,
        api::take_ticket,
        api::emergency,
        api::jump_numbers,
        api::in_room,
        api::on_visit,
        api::cancel,
        api::move_visit,
        api::send_on,
        api::put_first,
        api::join_family,
        api::set_message,
        api::consultation,
        settings::change_settings,
        settings::undo_settings,
        program::change,
        program::receive_table,
        program::set_content,
        questions::desk_now,
        questions::desk_events,
        questions::find,
        questions::ticket_svg,
        questions::qr_svg,
        questions::settings,
        questions::status,
        health::health,
        support::test,
        support::answer,
        support::commission,
        supporting::orders,
        manager::manager,
        manager::preview,
        notice::preview,
        report::report_of_day,
        vitals::livez,
        vitals::readyz,
        vitals::healthz,
        vitals::metrics,
        shown::program,
        shown::picture,
        board::view,
        board::svg,
        board::events,
        people::me,
        people::list_staff,
        people::set_staff,
        people::remove_staff,
        people::end_sign_ins,
        people::list_devices,
        people::open_pairing,
        people::unpair,
        rehearsal::start_now,
        rehearsal::end_now,
        calls::connect,
        calls::test,
        calls::heartbeat,
        calls::disconnect,
        calls::mark,
        calls::assign,
        calls::reserve,
        calls::set_tariff,
        vendor::livekit,
        vendor::twilio,
        vendor::list,
        called::calls_of_month,
        called::example,
        quality::line,
        quality::try_now
    )
)]
pub(crate) struct Api;
