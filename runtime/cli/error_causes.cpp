#include "runtime/cli/error_causes.hpp"

#include <array>

namespace ait::cli {
namespace {

using enum ErrorCode;

struct CauseRow {
    ErrorCode code;
    std::string_view causes;
};

constexpr std::array rows{
    CauseRow{internal, "a fault in the program;command line and node of different versions"},
    CauseRow{usage,
             "a misspelt command or flag;a flag without its value;two values where one is taken"},
    CauseRow{invalid_argument,
             "a number outside its range;an amount with more than six decimal places;an address of "
             "another network;a misspelt field name"},
    CauseRow{malformed,
             "JSON cut off or with a trailing comma;text that is not UTF-8;a file of another kind"},
    CauseRow{not_found,
             "an id of another chain or node;a terminal job older than the retention of 30 days;a "
             "misspelt name"},
    CauseRow{ambiguous,
             "a prefix that several ids share;no id given while several things could be meant"},
    CauseRow{unauthenticated,
             "a call over TCP without --token-file or AITBC_TOKEN;a token of another node;a miner "
             "session that ran out"},
    CauseRow{forbidden,
             "a token with a lesser role;a file or folder that others may open;the socket of "
             "another user"},
    CauseRow{conflict,
             "the job has ended or is paid already;another process holds the data "
             "directory;somebody else was faster"},
    CauseRow{already_exists, "the name is taken;a file is there and --force was not given"},
    CauseRow{nonce_mismatch,
             "two programs sign for one account at once;a transaction was prepared long before it "
             "was sent"},
    CauseRow{insufficient_funds,
             "the wallet is empty;what it has is staked or locked in escrow for other jobs;another "
             "wallet is active than you think"},
    CauseRow{limit_reached,
             "a quota of the account;a full disk;more open jobs or connections than allowed"},
    CauseRow{
        overloaded,
        "more requests at once than gateway.requests_in_flight_max;a disk whose syncs are slow"},
    CauseRow{unavailable,
             "no node runs here;the node listens elsewhere;no miner is connected;the process is "
             "just restarting"},
    CauseRow{deadline_exceeded,
             "a timeout shorter than the work;no miner takes the job;a stopped or overloaded node"},
    CauseRow{expired,
             "the job's deadline passed while it waited;a transaction was sent after its expiry "
             "height;a clock that is wrong"},
    CauseRow{
        corrupt_data,
        "a file was edited or cut;a fault of the disk;a receipt or keystore from a damaged copy"},
    CauseRow{storage_failed,
             "the disk is full;a fault of the disk;a folder without permission to write"},
    CauseRow{check_failed,
             "the bytes were changed after they were signed;a receipt of another chain;the genesis "
             "file is not the one of that chain"},
    CauseRow{no_agreement, "answers that differ too much;too few members answered in time"},
    CauseRow{cancelled, "Ctrl-C;an unanswered question;the job's owner cancelled it"},
    CauseRow{partly_done, "some rows of a batch break a rule;funds for only a part of it"},
    CauseRow{
        too_large,
        "a prompt or result above its limit;a batch of too many rows;a file of the wrong kind"},
    CauseRow{unsupported,
             "an https address;a command that has no dry run;a form of a later version"},
    CauseRow{lease_lost,
             "the miner worked longer than its lease without a heartbeat;the job was "
             "cancelled;another miner was faster after a break of the connection"},
    CauseRow{wrong_password,
             "a password file of another wallet;AITBC_WALLET_PASSWORD is set and wrong;caps lock"},
    CauseRow{not_ready, "the job has not ended;the node is still starting or replaying its log"},
    CauseRow{job_failed,
             "the model is not there;every attempt ended in an error of the engine;the prompt is "
             "longer than the model's context"},
};

constexpr bool rows_are_in_order() {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (static_cast<std::size_t>(rows[i].code) != i + 1) return false;
    }
    return true;
}
static_assert(rows_are_in_order(), "usual_causes indexes by number");

}  // namespace

std::string_view usual_causes(ErrorCode code) noexcept {
    const auto number = static_cast<std::size_t>(code);
    AIT_ASSERT(number >= 1);
    AIT_ASSERT(number <= rows.size());
    return rows[number - 1].causes;
}

}  // namespace ait::cli
