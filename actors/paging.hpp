#pragma once

// Pages of lists, the same for every domain: how many rows, and the answer's form.

#include <string>
#include <string_view>

#include "actors/binding.hpp"

namespace ait {

/// The parameter `limit` of a list. Error: invalid_argument outside 1 to list_rows_max.
inline Result<std::size_t> rows_wanted(const Json& input) {
    constexpr std::int64_t rows_default = 50;
    const std::int64_t rows = input_integer(input, "limit", rows_default);
    if (rows < 1 || rows > limits::list_rows_max) {
        return Error{ErrorCode::invalid_argument, "The list cannot be that long.",
                     "limit is " + std::to_string(rows) + ".",
                     "Use 1 to " + std::to_string(limits::list_rows_max) + "."};
    }
    return static_cast<std::size_t>(rows);
}

/// A cursor is the hexadecimal of the position where the next page begins.
inline Result<std::string> cursor_position(const Json& input) {
    auto position = from_hex(input_text(input, "cursor"));
    if (position.ok()) return position;
    return Error{ErrorCode::invalid_argument, "The cursor is not one of this list.",
                 "It is not what next_cursor said.", "Start again without a cursor."};
}

/// {"items":[...],"next_cursor":...}: null at the end.
inline Json page_answer(Json items, const std::string& next_cursor) {
    Json answer = Json::object();
    answer["items"] = std::move(items);
    answer["next_cursor"] = next_cursor.empty() ? Json(nullptr) : Json(next_cursor);
    return answer;
}

/// A command whose input is its transaction's body, field by field.
template <Described Tx>
Result<Proposal> propose(const QueryContext&, const Json& input) {
    auto tx = from_json_value<Tx>(input);
    if (!tx.ok()) return tx.error();
    return Proposal{.body = encode(tx.value())};
}

}  // namespace ait
