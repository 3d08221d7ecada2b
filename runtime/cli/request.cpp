#include "runtime/cli/request.hpp"

#include <algorithm>

#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/cli/ids.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

constexpr std::uint32_t large_text_bytes = 4'096;

bool takes_large_input(const Parameter& parameter) {
    const bool structured = parameter.kind == ValueKind::json ||
                            parameter.kind == ValueKind::object ||
                            parameter.kind == ValueKind::list;
    return structured ||
           (parameter.kind == ValueKind::text && parameter.bytes_max > large_text_bytes);
}

/// Where a JSON document is the thing itself, as in `batch-submit jobs.json`, a bare file name
/// does.
bool is_file_name(const Parameter& parameter, std::string_view text) {
    if (!parameter.positional || parameter.kind != ValueKind::json || text.empty()) return false;
    return std::string_view("[{\"@-").find(text.front()) == std::string_view::npos;
}

Result<Json> value_of_bytes(const Parameter& parameter, const std::string& path,
                            const std::string& bytes) {
    if (parameter.kind == ValueKind::json) return rows_of_file(path, bytes);
    return registry::value_from_text(parameter, bytes);
}

Result<Json> wallet_address(Session& session, const std::string& name) {
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    auto facts = store.value()->find(name);
    if (facts.ok()) return Json(crypto::to_text(facts.value().address));
    return Error{ErrorCode::invalid_argument,
                 "\"" + name.substr(0, 64) + "\" is neither an address nor a wallet here.",
                 facts.error().why,
                 "Write an address (ait1...) or a name that `aitbc wallet list` shows."};
}

/// The last field of a CSV record and whether it was the record's last.
struct CsvCut {
    std::string field{};
    bool record_ends = false;
};

/// Reads one field at `at`, RFC 4180; moves `at` behind its separator.
CsvCut cut_field(std::string_view text, std::size_t& at) {
    CsvCut cut;
    bool quoted = at < text.size() && text[at] == '"';
    if (quoted) ++at;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (quoted && c == '"') {
            if (at + 1 < text.size() && text[at + 1] == '"')
                ++at;
            else {
                quoted = false;
                continue;
            }
        } else if (!quoted && c == ',') {
            ++at;
            return cut;
        } else if (!quoted && (c == '\n' || c == '\r')) {
            at += text.substr(at).starts_with("\r\n") ? 2U : 1U;
            cut.record_ends = true;
            return cut;
        }
        cut.field.push_back(text[at]);
    }
    cut.record_ends = true;
    return cut;
}

Result<Json> rows_of_csv(const std::string& path, std::string_view text) {
    std::vector<std::string> names;
    Json rows = Json::array();
    for (std::size_t at = 0; at < text.size();) {
        std::vector<std::string> fields;
        CsvCut cut;
        do {
            cut = cut_field(text, at);
            fields.push_back(cut.field);
        } while (!cut.record_ends);
        if (fields.size() == 1 && fields[0].empty()) continue;
        if (names.empty()) {
            names = std::move(fields);
            continue;
        }
        if (fields.size() != names.size()) {
            return Error{ErrorCode::malformed, "\"" + path + "\" cannot be read as CSV.",
                         "Record " + std::to_string(rows.size() + 1) + " has " +
                             std::to_string(fields.size()) + " fields where the first line names " +
                             std::to_string(names.size()) + ".",
                         ""};
        }
        Json row = Json::object();
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!fields[i].empty()) row[names[i]] = fields[i];
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

Result<Json> rows_of_lines(const std::string& path, std::string_view text) {
    Json rows = Json::array();
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        auto row = parse_json(line);
        if (!row.ok()) {
            return Error{ErrorCode::malformed, "\"" + path + "\" cannot be read as lines of JSON.",
                         "Line " + std::to_string(number) + ": " + row.error().why, ""};
        }
        rows.push_back(std::move(row).value());
    }
    return rows;
}

/// Fills in the wallet's own address where a row needs an account and none is given.
Status fill_account(Session& session, const Operation& operation, Json& input) {
    const auto in_path = registry::path_parameters(operation.rest.path);
    for (const auto& parameter : operation.parameters) {
        const bool own = parameter.name == "address" || parameter.name == "miner_id";
        const bool in_route =
            std::find(in_path.begin(), in_path.end(), parameter.name) != in_path.end();
        const bool wanted = in_route || parameter.kind == ValueKind::address;
        if (!own || !wanted || parameter.cli_only || input.contains(parameter.name)) continue;
        auto facts = session.wallet();
        if (!facts.ok()) return facts.error();
        input[std::string(parameter.name)] = crypto::to_text(facts.value().address);
    }
    return {};
}

Result<Json> typed_values(Session& session, const Invocation& invocation) {
    Json raw = Json::object();
    for (const auto& given : invocation.values) {
        auto value = read_value(session, given);
        if (!value.ok()) return value.error();
        const std::string name(given.parameter->name);
        if (!given.parameter->repeated) {
            raw[name] = std::move(value).value();
            continue;
        }
        Json& list = raw[name];
        for (const auto& each : value.value()) list.push_back(each);
    }
    return raw;
}

/// A missing or unknown field of a command line is a mistake in its use, said in its words.
Error as_usage(const Operation& operation, Error error) {
    for (const auto& parameter : operation.parameters) {
        const bool missing = error.what == "\"" + std::string(parameter.name) + "\" is missing.";
        if (!missing) continue;
        const auto flag = registry::flag_of(parameter);
        error.code = ErrorCode::usage;
        error.what = "`aitbc " + std::string(operation.cli) + "` needs `" + flag + "`.";
        error.why = std::string(parameter.help);
        error.next = "`aitbc " + std::string(operation.cli) + " --help` shows an example.";
    }
    return error;
}

}  // namespace

std::string text_in(const Json& input, std::string_view name, std::string fallback) {
    const auto found = input.find(name);
    return found == input.end() || !found->is_string() ? std::move(fallback)
                                                       : found->get<std::string>();
}

std::int64_t integer_in(const Json& input, std::string_view name, std::int64_t fallback) {
    const auto found = input.find(name);
    return found == input.end() || !found->is_number_integer() ? fallback
                                                               : found->get<std::int64_t>();
}

bool flag_in(const Json& input, std::string_view name) {
    const auto found = input.find(name);
    return found != input.end() && found->is_boolean() && found->get<bool>();
}

Result<Json> rows_of_file(const std::string& path, std::string_view bytes) {
    if (path.ends_with(".csv")) return rows_of_csv(path, bytes);
    if (path.ends_with(".jsonl") || path.ends_with(".ndjson")) return rows_of_lines(path, bytes);
    auto json = parse_json(bytes);
    if (json.ok()) return json;
    return Error{json.error().code, "\"" + path + "\" cannot be read as JSON.", json.error().why,
                 json.error().next};
}

Result<Json> read_value(Session& session, const GivenValue& given) {
    const Parameter& parameter = *given.parameter;
    const std::string& text = given.text;
    if (takes_large_input(parameter)) {
        if (text == "-") {
            auto bytes = session.console.read_input(parameter.bytes_max);
            if (!bytes.ok()) return bytes.error();
            return value_of_bytes(parameter, "standard input", bytes.value());
        }
        if (text.starts_with("@@")) return registry::value_from_text(parameter, text.substr(1));
        const bool bare = is_file_name(parameter, text);
        if (bare || (text.size() > 1 && text.front() == '@')) {
            const std::string path = bare ? text : text.substr(1);
            auto bytes = read_file(path, parameter.bytes_max);
            if (!bytes.ok()) return bytes.error();
            return value_of_bytes(parameter, path, bytes.value());
        }
    }
    if (parameter.kind == ValueKind::address && !text.starts_with("ait1") &&
        !text.starts_with("AIT1")) {
        return wallet_address(session, text);
    }
    if (parameter.kind == ValueKind::time) {
        auto time = parse_time(text, session.now_unix_ms());
        if (!time.ok()) return time.error();
        return Json(to_rfc3339(time.value()));
    }
    return registry::value_from_text(parameter, text);
}

Status lift_options(const Invocation& invocation, GlobalOptions& options) {
    for (const auto& given : invocation.values) {
        if (!given.parameter->cli_only) continue;
        const auto name = given.parameter->name;
        if (name == "wallet")
            options.wallet = given.text;
        else if (name == "password_file")
            options.password_file = given.text;
        else if (name == "watch")
            options.watch = options.watch || given.text == "true";
        else if (name == "wait" && given.parameter->kind == ValueKind::boolean &&
                 given.text != "false") {
            options.wait = given.text == "true" ? "" : given.text;
        } else if (name == "timeout") {
            auto ms = parse_duration_ms(given.text);
            if (!ms.ok()) return ms.error();
            options.timeout_ms =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(ms.value(), UINT32_MAX));
        }
    }
    return {};
}

Result<Request> build_request(Session& session, const Invocation& invocation) {
    const Operation& operation = *invocation.operation;
    Invocation lifted = invocation;
    std::erase_if(lifted.values, [](const GivenValue& given) {
        const auto name =
            given.parameter->name;  // read by lift_options, with spellings of their own
        const bool waits = name == "wait" && given.parameter->kind == ValueKind::boolean;
        return given.parameter->cli_only && (waits || name == "timeout");
    });
    auto raw = typed_values(session, lifted);
    if (!raw.ok()) return raw.error();
    if (auto filled = fill_account(session, operation, raw.value()); !filled.ok())
        return filled.error();
    if (auto ids = resolve_ids(session, operation, raw.value()); !ids.ok()) return ids.error();
    auto checked = registry::check_input(operation, std::move(raw).value(),
                                         registry::InputSource::command_line);
    if (!checked.ok()) return as_usage(operation, checked.error());
    Request request;
    request.operation = &operation;
    for (const auto& parameter : operation.parameters) {
        const auto found = checked.value().find(parameter.name);
        if (found == checked.value().end()) continue;
        (parameter.cli_only ? request.local : request.input)[std::string(parameter.name)] = *found;
    }
    return request;
}

}  // namespace ait::cli
