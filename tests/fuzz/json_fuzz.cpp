// Any text as the JSON body of any operation, as a described struct, and as a value of a query. The
// first two bytes choose the operation. What is accepted means the same when it is written and read
// again; what was checked once passes the check again unchanged.

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>

#include "actors/consensus/block.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"
#include "tests/fuzz/every_kind.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace ait::registry {
namespace {

constexpr std::size_t choice_bytes = 2;

/// Kinds of input that no operation takes today, and bounds small enough to be passed.
constexpr std::array rare_parameters{
    Parameter{.name = "encoded", .kind = ValueKind::base64},
    Parameter{.name = "facts", .kind = ValueKind::object, .bytes_max = 64},
    Parameter{.name = "names", .kind = ValueKind::list, .bytes_max = 64},
    Parameter{.name = "ratio", .kind = ValueKind::number},
    Parameter{.name = "moment", .kind = ValueKind::time},
    Parameter{.name = "hash", .kind = ValueKind::hex, .repeated = true},
    Parameter{.name = "price", .kind = ValueKind::amount, .cli_only = true},
    Parameter{.name = "whatever", .kind = ValueKind::json, .repeated = true},
};
constexpr Operation rare_operation{.name = "fuzz.rare", .parameters = rare_parameters};

const Operation& chosen(std::string_view input) {
    const auto all = all_operations();
    const auto high = static_cast<std::uint8_t>(input[0]);
    const auto low = static_cast<std::uint8_t>(input[1]);
    // Every fourth input, because one operation takes what all others together do not.
    if (high % 4 == 0) return rare_operation;
    return *all[low % all.size()];
}

/// Says why a refusal is one; what is accepted must survive being written.
bool is_sound(const Result<Json>& read) {
    if (!read.ok()) return !read.error().what.empty();
    const auto compact = parse_json(dump_json(read.value()));
    const auto pretty = parse_json(dump_json_pretty(read.value()));
    return compact.ok() && pretty.ok() && compact.value() == read.value() &&
           pretty.value() == read.value();
}

template <Described T>
void check_struct(const Json& json) {
    const auto read = from_json_value<T>(json);
    if (!read.ok()) return AIT_ASSERT(!read.error().what.empty());
    const std::string bytes = encode(read.value());
    AIT_ASSERT(encode(decode<T>(bytes).value()) == bytes);
    const Json written = to_json_value(read.value());
    const auto again = from_json_value<T>(written);
    // Zero times, addresses and hashes are written as null, which a required field refuses.
    if (!again.ok()) return AIT_ASSERT(dump_json(written).find("null") != std::string::npos);
    AIT_ASSERT(encode(again.value()) == bytes);
}

void check_body(const Operation& operation, const Json& json, InputSource source) {
    const auto checked = check_input(operation, json, source);
    AIT_ASSERT(is_sound(checked));
    if (!checked.ok()) return;
    const auto again = check_input(operation, checked.value(), source);
    AIT_ASSERT(again.ok());
    AIT_ASSERT(again.value() == checked.value());
}

void check_transaction_body(const TransactionForm& form, const Json& json) {
    if (form.encode == nullptr) return;
    const auto body = form.encode(dump_json(json));
    if (!body.ok()) return;
    const auto text = form.decode(body.value());
    AIT_ASSERT(text.ok());
    const auto again = form.encode(text.value());
    AIT_ASSERT(!again.ok() || again.value() == body.value());
}

void check_error(const Json& json) {
    const Error error = error_from_json(json);
    const Error again = error_from_json(error_to_json(error, "request"));
    AIT_ASSERT(again.code == error.code);
    AIT_ASSERT(again.what == error.what);
    AIT_ASSERT(again.why == error.why);
}

void check_time(std::string_view text) {
    const auto time = parse_rfc3339(text);
    if (!time.ok()) return;
    const auto again = parse_rfc3339(to_rfc3339(time.value()));
    AIT_ASSERT(again.ok());
    AIT_ASSERT(again.value() == time.value());
}

/// The same text as every parameter of the operation, as a query or a command line gives it.
void check_values(const Operation& operation, std::string_view text) {
    for (const Parameter& parameter : operation.parameters) {
        AIT_ASSERT(flag_of(parameter).starts_with("--"));
        AIT_ASSERT(is_sound(value_from_text(parameter, text)));
    }
}

/// A value that the parameter takes.
Json example_of(const Parameter& parameter) {
    switch (parameter.kind) {
        case ValueKind::boolean:
            return true;
        case ValueKind::integer:
            return 1;
        case ValueKind::number:
            return 0.5;
        case ValueKind::text:
            return "text";
        case ValueKind::amount:
            return "0.5";
        case ValueKind::time:
            return "2026-11-21T08:15:30.123Z";
        case ValueKind::address:
            return "ait1gqcrtq0xq3q53lzkkx9jwg05t8v3z43j0lnagf";
        case ValueKind::hex:
            return std::string(64, 'a');
        case ValueKind::base64:
            return "Ynl0ZXM=";
        case ValueKind::choice:
            return std::string(parameter.choices.substr(0, parameter.choices.find('|')));
        case ValueKind::list:
            return Json::array();
        case ValueKind::object:
            return Json::object();
        case ValueKind::json:
            break;
    }
    return nullptr;
}

Json example_of(const Operation& operation) {
    Json body = Json::object();
    for (const Parameter& parameter : operation.parameters) {
        const Json value = example_of(parameter);
        body[std::string(parameter.name)] = parameter.repeated ? Json::array({value}) : value;
    }
    return body;
}

/// A whole body, a body with one value put elsewhere or left out, a bare value, a struct, an error.
std::string example(std::string_view input, std::mt19937& random) {
    const Operation& operation = chosen(input);
    Json body = example_of(operation);
    if (random() % 4 == 0) return dump_json(to_json_value(fuzz::every_kind()));
    if (body.empty() || random() % 8 == 0) return dump_json(error_to_json(Error{}, "request"));
    const auto& parameters = operation.parameters;
    const std::string place(parameters[random() % parameters.size()].name);
    const Json other = example_of(parameters[random() % parameters.size()]);
    const unsigned way = random() % 4;
    if (way == 0) return other.is_string() ? other.get<std::string>() : dump_json(other);
    if (way == 1) body[place] = other;
    if (way == 2) body.erase(place);
    return dump_json(body);
}

std::string next_input(std::string input, std::size_t size_max, std::mt19937& random) {
    input.resize(std::max(input.size(), choice_bytes));
    if (input.size() == choice_bytes || random() % 8 == 0) {
        input[0] = static_cast<char>(random());
        input[1] = static_cast<char>(random());
        return input.substr(0, choice_bytes) + example(input, random);
    }
    const std::size_t size = std::min(input.size(), size_max);
    input.resize(size_max);
    input.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(input.data()), size, size_max));
    return input;
}

}  // namespace
}  // namespace ait::registry

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
    std::mt19937 random(seed);
    const std::string input =
        ait::registry::next_input({reinterpret_cast<const char*>(data), size}, size_max, random);
    const std::size_t length = std::min(input.size(), size_max);
    std::copy_n(input.begin(), length, reinterpret_cast<char*>(data));
    return length;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ait::registry;
    if (size < choice_bytes) return 0;
    const ait::Operation& operation = chosen({reinterpret_cast<const char*>(data), size});
    // An exact copy on the heap: one byte beyond it is an error that the sanitizer sees.
    const std::size_t length = size - choice_bytes;
    const std::unique_ptr<char[]> copy(new char[length]);
    std::copy_n(data + choice_bytes, length, copy.get());
    const std::string_view text(copy.get(), length);
    check_values(operation, text);
    check_time(text);
    const auto json = ait::parse_json(text);
    AIT_ASSERT(is_sound(json));
    if (!json.ok()) return 0;
    check_body(operation, json.value(), InputSource::wire);
    check_body(operation, json.value(), InputSource::command_line);
    check_transaction_body(operation.transaction, json.value());
    check_struct<ait::fuzz::EveryKind>(json.value());
    check_struct<ait::consensus::BlockRecord>(json.value());
    check_error(json.value());
    return 0;
}
