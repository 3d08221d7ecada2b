#pragma once

// Who votes, as data for both binaries: how a validator comes and goes.

#include <array>

#include "actors/ledger/membership_messages.hpp"
#include "runtime/base/codec/transaction_form.hpp"
#include "runtime/base/operation.hpp"
#include "runtime/base/shared_parameters.hpp"

namespace ait::ledger {

namespace rows {

inline constexpr Parameter candidate{.name = "owner",
                                     .kind = ValueKind::address,
                                     .presence = Presence::required,
                                     .help = "Account that asked: its stake answers for the node.",
                                     .positional = true};
inline constexpr Parameter validator_key{.name = "validator",
                                         .kind = ValueKind::hex,
                                         .presence = Presence::required,
                                         .help = "Public key of the node.",
                                         .positional = true,
                                         .bytes_max = 64};
inline constexpr std::array validator_join{validator_key,
                                           Parameter{.name = "name",
                                                     .presence = Presence::required,
                                                     .help = "What people call it.",
                                                     .bytes_max = limits::name_bytes_max},
                                           Parameter{.name = "weight",
                                                     .kind = ValueKind::integer,
                                                     .help = "Its share in the quorum.",
                                                     .default_text = "1"},
                                           shared_parameters::wallet};
inline constexpr std::array validator_candidate{candidate};
inline constexpr std::array validator_withdraw{validator_key, shared_parameters::wallet};

}  // namespace rows

inline constexpr std::array membership_operations{
    Operation{
        .name = "validator.join",
        .kind = OperationKind::command,
        .summary = "Ask that a node may vote, with the stake of a wallet behind it.",
        .role = Role::member,
        .rate = RateClass::spend,
        .dry_run = true,
        .cli = "chain validator join",
        .rest = {"POST", "/api/v1/chain/validators"},
        .parameters = rows::validator_join,
        .response = &schema_of<MembershipAnswer>,
        .transaction = transaction_form<JoinValidator, MembershipAnswer>("validator.join", true),
        .examples = "aitbc chain validator join KEY --name node4 --wallet owner4"},
    Operation{.name = "validator.approve",
              .kind = OperationKind::command,
              .summary = "Let a node vote that asked to: this node says so, and a quorum must.",
              .role = Role::admin,
              .cli = "chain validator approve",
              .rest = {"POST", "/api/v1/chain/validators/{owner}/approve"},
              .parameters = rows::validator_candidate,
              .response = &schema_of<MembershipAnswer>,
              .transaction =
                  transaction_form<ApproveValidator, MembershipAnswer>("validator.approve", false),
              .examples = "aitbc chain validator approve ait1..."},
    Operation{.name = "validator.synced",
              .kind = OperationKind::command,
              .summary = "Say that this node has the chain; a node that was let in does it itself.",
              .role = Role::admin,
              .rest = {"POST", "/api/v1/chain/validators/{owner}/synced"},
              .parameters = rows::validator_candidate,
              .response = &schema_of<MembershipAnswer>,
              .transaction =
                  transaction_form<ValidatorSynced, MembershipAnswer>("validator.synced", false)},
    Operation{
        .name = "validator.leave",
        .kind = OperationKind::command,
        .summary = "End this node's vote; it follows the chain from the next epoch on.",
        .role = Role::admin,
        .cli = "chain validator leave",
        .rest = {"POST", "/api/v1/chain/validators/leave"},
        .response = &schema_of<MembershipAnswer>,
        .transaction = transaction_form<LeaveValidator, MembershipAnswer>("validator.leave", false),
        .examples = "aitbc chain validator leave"},
    Operation{
        .name = "validator.withdraw",
        .kind = OperationKind::command,
        .summary = "End the vote of a node for which a wallet's stake answers.",
        .role = Role::member,
        .rate = RateClass::spend,
        .cli = "chain validator withdraw",
        .rest = {"POST", "/api/v1/chain/validators/withdraw"},
        .parameters = rows::validator_withdraw,
        .response = &schema_of<MembershipAnswer>,
        .transaction = transaction_form<LeaveValidator, MembershipAnswer>("validator.leave", true),
        .examples = "aitbc chain validator withdraw KEY --wallet owner4"},
};

}  // namespace ait::ledger
