#pragma once

// One struct with a field of every kind that a described struct may have, so that the harnesses of
// both codecs reach all of their branches whatever the domains use today.

#include <optional>
#include <string>
#include <vector>

#include "actors/consensus/block.hpp"

namespace ait::fuzz {

struct EveryKind {
    bool flag = true;
    std::int64_t signed_number = -7;
    std::uint8_t small_number = 7;
    double real = 0.5;
    std::string text = "text";
    Amount amount{1};
    UnixMs time{1'700'000'000'123};
    Address address{};
    Hash hash{};
    Blob blob{"bytes"};
    JsonText json{"[1]"};
    consensus::VoteKind choice = consensus::VoteKind::nullify;
    std::optional<std::uint32_t> maybe = 1;
    std::vector<consensus::EventAttribute> list{{"key", "value"}};
    std::string last{};
    static constexpr auto fields() {
        using K = EveryKind;
        return std::tuple{field("flag", &K::flag, ""),
                          field("signed_number", &K::signed_number, ""),
                          field("small_number", &K::small_number, ""),
                          field("real", &K::real, ""),
                          field("text", &K::text, "", 16),
                          field("amount", &K::amount, ""),
                          field("time", &K::time, ""),
                          field("address", &K::address, ""),
                          field("hash", &K::hash, ""),
                          field("blob", &K::blob, "", 16),
                          field("json", &K::json, "", 64),
                          field("choice", &K::choice, ""),
                          field("maybe", &K::maybe, ""),
                          field("list", &K::list, "", 4),
                          optional_field("last", &K::last, "")};
    }
};

/// A value without zeros, because zero addresses and hashes read as null in JSON.
inline EveryKind every_kind() {
    EveryKind value;
    value.address.bytes.fill(1);
    value.hash.bytes.fill(2);
    return value;
}

}  // namespace ait::fuzz
