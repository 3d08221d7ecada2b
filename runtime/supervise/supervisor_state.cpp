#include "runtime/supervise/supervisor_state.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "runtime/base/codec/json.hpp"

namespace ait::supervise {

const ChildFacts* SupervisorState::find_child(std::string_view name) const noexcept {
    for (const auto& child : children) {
        if (child.name == name) return &child;
    }
    return nullptr;
}

Result<SupervisorState> read_supervisor_state(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return Error{ErrorCode::not_found, "There is no supervisor state.", "No file " + path + ".",
                     "aitbc up"};
    }
    std::ostringstream text;
    text << file.rdbuf();
    constexpr std::size_t state_bytes_max = 256 * 1024;
    const auto json = parse_json(text.str(), state_bytes_max);
    auto state = json.ok() ? from_json_value<SupervisorState>(json.value()) : json.error();
    if (state.ok()) return state;
    return Error{ErrorCode::corrupt_data, "The supervisor state " + path + " cannot be read.",
                 state.error().why, "aitbc down; aitbc up writes it anew."};
}

Status write_supervisor_state(const std::string& path, const SupervisorState& state) {
    const std::string fresh = path + ".new";
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << dump_json_pretty(to_json_value(state)) << '\n';
    file.close();
    if (!file.fail() && std::rename(fresh.c_str(), path.c_str()) == 0) return {};
    return Error{ErrorCode::storage_failed, "The supervisor state " + path + " was not written.",
                 "The disk or its permissions refuse.", "Check the folder."};
}

}  // namespace ait::supervise
