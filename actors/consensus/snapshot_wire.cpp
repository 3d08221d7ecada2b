#include "actors/consensus/snapshot_wire.hpp"

namespace ait::consensus {

Result<SnapshotKind> read_snapshot_kind(std::string_view message) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(message[at]); };
    if (message.size() < 2 || byte(0) != snapshot_wire_version ||
        byte(1) < static_cast<std::uint8_t>(SnapshotKind::vote) ||
        byte(1) > static_cast<std::uint8_t>(SnapshotKind::chunk)) {
        return Error{ErrorCode::malformed, "A message about checkpoints cannot be read.",
                     "Its version or kind is unknown.", "Run the same release on all nodes."};
    }
    return static_cast<SnapshotKind>(byte(1));
}

}  // namespace ait::consensus
