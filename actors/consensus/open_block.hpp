#pragma once

// A block that grows: operations are executed as they come, on the state of the block before it,
// which may still be on its way to the disk. So the disk and the processor work at the same time.

#include <memory>
#include <vector>

#include "actors/consensus/execution.hpp"
#include "actors/consensus/messages.hpp"
#include "actors/consensus/reader.hpp"

namespace ait::consensus {

/// What an operation is told when the block that it was executed in, or the one that its answer
/// rests on, is durable.
struct PendingAnswer {
    SubmissionPtr submission{};
    Result<Applied> answer;
    bool is_in_block = false;
};

/// A state that is not published yet: writes over what is, each time on another reader of it.
class ParentState final : public storage::StateReader {
  public:
    /// Both must live until the next call; null: nothing is unpublished.
    void stand_on(const storage::StateReader& published, const storage::WriteSet* unpublished) {
        published_ = &published;
        unpublished_ = unpublished;
    }
    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override;
    [[nodiscard]] std::optional<std::string_view> look(std::string_view key,
                                                       std::string& space) const override;
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override;

  private:
    const storage::StateReader* published_ = nullptr;
    const storage::WriteSet* unpublished_ = nullptr;
};

/// Not thread-safe. Every call but the closing needs a reader of the published state under which
/// it was made to stand (stand_on), and that sees the block before, but for `unpublished`.
class OpenBlock {
  public:
    struct Parent {
        const RuleSet& rules;
        const Genesis& genesis;
        const Hash& genesis_hash;
        Tip tip{};
    };
    OpenBlock(Parent parent, const storage::StateReader& published,
              const storage::WriteSet* unpublished, std::int64_t now_unix_ms);
    OpenBlock(const OpenBlock&) = delete;
    OpenBlock& operator=(const OpenBlock&) = delete;

    void stand_on(const storage::StateReader& published, const storage::WriteSet* unpublished) {
        state_.stand_on(published, unpublished);
    }
    /// `divided_by`: how many parts of a block's room there are for operations of its kind.
    [[nodiscard]] bool has_room_for(const Submission& submission, std::size_t divided_by = 1) const;
    /// Signed transactions stand before batch items in a block (BlockBuilder's order).
    [[nodiscard]] bool takes_signed() const { return !has_items_; }
    /// Executes it; fills in what is known of its answer so far. Counts against the room.
    Admission add(const Submission& submission, Applied& applied);
    /// Keeps an answer until the block is durable.
    void keep(PendingAnswer answer) { answers_.push_back(std::move(answer)); }
    /// Blobs that came along with what it holds.
    [[nodiscard]] std::vector<Sidecar>& sidecars() { return sidecars_; }
    [[nodiscard]] const BlockBuilder& builder() const { return builder_; }

    [[nodiscard]] std::vector<PendingAnswer> take_answers() { return std::move(answers_); }
    /// Reads no state. The open block is at its end.
    ExecutedBlock close(const crypto::SecretKey& node_key) {
        return std::move(builder_).seal(node_key);
    }

  private:
    const Parent parent_;
    ParentState state_{};
    BlockBuilder builder_;
    std::vector<PendingAnswer> answers_{};
    std::vector<Sidecar> sidecars_{};
    std::size_t operations_ = 0;
    std::size_t bytes_ = 0;
    std::size_t blobs_ = 0;
    bool has_items_ = false;
};

}  // namespace ait::consensus
