#pragma once

// Builds a row's TransactionForm from the struct of the transaction and the struct of its answer.

#include "runtime/base/codec/json_text.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/operation.hpp"

namespace ait {

namespace detail {

template <Described T>
Result<std::string> json_to_body(std::string_view text) {
    auto json = parse_json(text);
    if (!json.ok()) return json.error();
    auto value = from_json_value<T>(json.value());
    if (!value.ok()) return value.error();
    return encode(value.value());
}

template <Described T>
Result<std::string> body_to_json(std::string_view bytes) {
    auto value = decode<T>(bytes);
    if (!value.ok()) return value.error();
    return to_json_text(value.value());
}

}  // namespace detail

/// `Tx` is the body's struct, `Answer` the struct in its outcome.
template <Described Tx, Described Answer>
constexpr TransactionForm transaction_form(std::string_view kind, bool account_signed,
                                           std::string_view items = "") {
    return {.kind = kind,
            .account_signed = account_signed,
            .encode = &detail::json_to_body<Tx>,
            .decode = &detail::body_to_json<Tx>,
            .response = &detail::body_to_json<Answer>,
            .items = items};
}

}  // namespace ait
