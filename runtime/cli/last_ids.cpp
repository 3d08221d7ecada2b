#include "runtime/cli/last_ids.hpp"

#include <filesystem>

#include "runtime/cli/console.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t file_bytes_max = 256 * 1024;
constexpr std::size_t accounts_max = 256;

}  // namespace

Json LastIds::load() const {
    auto text = read_file(file_, file_bytes_max);
    if (!text.ok()) return Json::object();
    auto json = parse_json(text.value());
    return json.ok() && json.value().is_object() ? std::move(json).value() : Json::object();
}

std::string LastIds::find(std::string_view account, std::string_view name) const {
    const Json all = load();
    const auto of_account = all.find(account);
    if (of_account == all.end() || !of_account->is_object()) return {};
    const auto found = of_account->find(name);
    return found != of_account->end() && found->is_string() ? found->get<std::string>()
                                                            : std::string();
}

Status LastIds::remember(std::string_view account, const Json& answer) {
    if (!answer.is_object()) return {};
    Json all = load();
    bool changed = false;
    const std::string owner(account);
    for (const auto& [name, value] : answer.items()) {
        if (!name.ends_with("_id") || !value.is_string()) continue;
        if (!all.contains(owner) && all.size() >= accounts_max) all.erase(all.begin());
        Json& kept = all[owner];
        if (!kept.is_object()) kept = Json::object();
        changed = changed || kept.value(name, std::string()) != value.get<std::string>();
        kept[name] = value;
    }
    if (!changed) return {};
    std::error_code failure;
    std::filesystem::create_directories(std::filesystem::path(file_).parent_path(), failure);
    if (failure) {
        return Error{ErrorCode::storage_failed, "The last ids cannot be kept.",
                     failure.message() + ".", ""};
    }
    return write_file(file_, dump_json(all) + "\n", 0600, true);
}

}  // namespace ait::cli
