// Messages about checkpoints from anybody, in any order, to a node that is in the middle of
// joining: whatever they are, nothing is written that the signed manifest does not name, and a
// state is made only of all of it. Now and then a member is honest, so that there is something to
// spoil.

#include <algorithm>
#include <string>

#include "actors/consensus/snapshot_join.hpp"
#include "tests/unit/actors/consensus/checkpoint_fixture.hpp"

namespace ait::consensus {
namespace {

constexpr std::uint8_t members = 4;

const CheckpointFixture& fixture() {
    static const CheckpointFixture made(members);
    return made;
}

/// Takes bytes from the front; zeros when there are no more.
class Input {
  public:
    explicit Input(std::string_view bytes) : bytes_(bytes) {}
    [[nodiscard]] bool is_empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(bytes_.front());
        bytes_.remove_prefix(1);
        return value;
    }
    std::string_view some(std::size_t count) {
        const auto taken = bytes_.substr(0, count);
        bytes_.remove_prefix(taken.size());
        return taken;
    }

  private:
    std::string_view bytes_;
};

class Joiner {
  public:
    Joiner() {
        for (SnapshotJoin::Peer peer = 0; peer < members; ++peer) join_.on_link(peer, true);
    }

    void run(Input input) {
        for (int steps = 0; steps < 400 && !input.is_empty(); ++steps) {
            step(input);
            look();
        }
    }

  private:
    void step(Input& input) {
        const SnapshotJoin::Peer peer = input.byte() % members;
        switch (input.byte() % 8) {
            case 0:
                now_ms_ += input.byte() * 100;
                return;
            case 1:
                return join_.on_link(peer, input.byte() % 2 == 0);
            case 2: {
                CheckpointAnswer answer{fixture().checkpoint(1'000, {0, 1, 2})};
                if (input.byte() % 4 == 0) answer.checkpoint->signatures.pop_back();
                return join_.on_checkpoint(peer, std::move(answer));
            }
            case 3:
                return answer_honestly(input.byte());
            case 4:
                return join_.on_begun(input.byte() % 8 == 0 ? failure() : Status{},
                                      std::vector<bool>(begun_ ? fixture().chunks.size() : 0));
            case 5:
                return join_.on_stored(input.byte() % 8 == 0 ? failure() : Status{});
            case 6:
                return join_.on_installed(input.byte() % 2 == 0 ? failure() : Status{});
            default:
                return hear(peer, input.some(2 + input.byte()));
        }
    }

    static Status failure() { return Error{ErrorCode::storage_failed, "The disk failed.", "", ""}; }

    void answer_honestly(std::uint8_t which) {
        if (wants_.empty()) return;
        const SnapshotJoin::Want want = wants_[which % wants_.size()];
        join_.on_chunk(want.peer, {want.root, want.index, static_cast<ChunkRefusal>(which / 64 % 3),
                                   Blob{fixture().chunks[want.index]}});
    }

    void hear(SnapshotJoin::Peer peer, std::string_view message) {
        const auto kind = read_snapshot_kind(message);
        if (!kind.ok()) return;
        if (kind.value() == SnapshotKind::checkpoint) {
            auto answer = decode_snapshot<CheckpointAnswer>(message);
            if (answer.ok()) join_.on_checkpoint(peer, std::move(answer).value());
        }
        if (kind.value() == SnapshotKind::chunk) {
            auto answer = decode_snapshot<ChunkAnswer>(message);
            if (answer.ok()) join_.on_chunk(peer, std::move(answer).value());
        }
    }

    void look() {
        auto actions = join_.look({now_ms_, 0, 1'010});
        for (const auto& want : actions.wants) wants_.push_back(want);
        if (actions.begin) {
            begun_ = true;
            stored_.clear();
            AIT_ASSERT(fixture().verify(actions.begin->checkpoint).ok());
        }
        for (const auto& store : actions.stores) {
            AIT_ASSERT(store.bytes == fixture().chunks.at(store.index));
            AIT_ASSERT(stored_.insert(store.index).second);  // none is fetched twice
        }
        if (actions.install) AIT_ASSERT(stored_.size() == fixture().chunks.size());
    }

    SnapshotJoin join_{fixture().genesis, fixture().genesis_id};
    std::int64_t now_ms_ = 1'000;
    bool begun_ = false;
    std::vector<SnapshotJoin::Want> wants_{};
    std::set<std::uint32_t> stored_{};
};

}  // namespace
}  // namespace ait::consensus

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ait::consensus;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    Joiner().run(Input(bytes));
    std::size_t rows = 0;
    static_cast<void>(read_rows(bytes, [&](ImageTable, auto, auto) { return ++rows < 1'000; }));
    ChunkCutter cutter;
    const auto key = bytes.substr(0, std::min<std::size_t>(bytes.size(), 1'500));
    static_cast<void>(cutter.add(ImageTable::state, key, bytes));
    return 0;
}
