#pragma once

// Images on disk: own ones, to be served, and one on its way here. An image of height H is two
// files: `H.rows`, its chunks one after the other, and a manifest beside it, `H.made` as long as
// only this node vouches for it, `H.proved` with the signatures of a quorum. What a crash leaves
// half is recognised by the hashes and removed or gone on with; nothing of it is ever trusted.

#include <memory>
#include <string>
#include <vector>

#include "actors/consensus/checkpoint.hpp"
#include "storage/file_system.hpp"

namespace ait::consensus {

/// One image, open. One thread at a time.
class ImageFile {
  public:
    [[nodiscard]] const Checkpoint& checkpoint() const { return checkpoint_; }
    [[nodiscard]] const Manifest& manifest() const { return checkpoint_.manifest; }
    [[nodiscard]] const Hash& root() const { return root_; }

    /// Checked against its mark. Errors: check_failed (not there yet, or rotten), storage_failed.
    [[nodiscard]] Result<std::string> read(std::uint32_t index) const;
    /// A chunk that verify_chunk() has passed. Durable after sync().
    Status write(std::uint32_t index, std::string_view bytes);
    Status sync() { return rows_->sync(); }

  private:
    friend class ImageFiles;
    ImageFile(Checkpoint checkpoint, std::unique_ptr<storage::File> rows);

    Checkpoint checkpoint_;
    Hash root_;
    std::vector<std::uint64_t> offsets_{};
    std::unique_ptr<storage::File> rows_;
};

/// The folder. Several may stand for one folder, on threads of their own, as long as no two touch
/// the same height but by read().
class ImageFiles {
  public:
    /// `directory`: in one that is there.
    ImageFiles(storage::FileSystem& files, std::string directory)
        : files_(&files), directory_(std::move(directory)) {}

    /// Creates the folder.
    Status open();
    /// Heights of what has a manifest that can be read, ascending; removes what belongs to none.
    /// Whether the rows are whole only read() tells.
    Result<std::vector<std::uint64_t>> heights();
    /// Errors: not_found, malformed, storage_failed.
    Result<std::unique_ptr<ImageFile>> find(std::uint64_t height);
    /// For chunks that come from others: the rows that an earlier life brought of the same image
    /// stay, all else of this height goes.
    Result<std::unique_ptr<ImageFile>> begin(const Checkpoint& checkpoint);
    /// The signatures have come.
    Status prove(const Checkpoint& checkpoint);
    /// Nothing of this height is left. Not an error: there was nothing.
    Status remove(std::uint64_t height);

    /// An image that is being made here: chunks are appended, and at the end comes its manifest.
    class Making {
      public:
        Status append(std::string_view chunk);
        [[nodiscard]] std::vector<ChunkMark>& marks() { return marks_; }

      private:
        friend class ImageFiles;
        std::unique_ptr<storage::File> rows_{};
        std::uint64_t bytes_ = 0;
        std::vector<ChunkMark> marks_{};
    };
    Result<Making> make(std::uint64_t height);
    Status finish(Making& making, const Checkpoint& checkpoint);

  private:
    [[nodiscard]] std::string path(std::uint64_t height, std::string_view kind) const;
    Status write_whole(const std::string& name, std::string_view bytes);
    [[nodiscard]] Result<Checkpoint> read_manifest(std::uint64_t height, std::string_view kind);
    Status remove_file(const std::string& name);

    storage::FileSystem* files_;
    std::string directory_;
};

}  // namespace ait::consensus
