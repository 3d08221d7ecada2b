#pragma once

// What makes a node host a chain besides its default one: a folder DATA/chains/NAME with the
// genesis and a manifest. The manifest is written last and as a whole, so that after a crash at any
// point the chain is hosted or it is not.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/consensus/genesis.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/config/node_config.hpp"

namespace ait::node {

/// The default chain is one of them.
inline constexpr std::size_t hosted_chains_max = 16;

struct ChainManifest {
    std::uint64_t version = 1;
    std::string chain{};
    std::string listen{};
    std::vector<std::string> peers{};
    static constexpr auto fields() {
        using M = ChainManifest;
        return std::tuple{
            field("version", &M::version, "Of this form."), field("chain", &M::chain, "Name."),
            optional_field("listen", &M::listen,
                           "HOST:PORT for the other nodes; empty: it has none."),
            optional_field("peers", &M::peers, "NAME=KEY@HOST:PORT of the other nodes.", 512)};
    }
};

/// A chain that a node is asked to host.
struct ChainWish {
    Json genesis{};       ///< the document
    bool is_new = false;  ///< its first block is still to come: this key has never voted on it
    std::string listen{};
    std::vector<std::string> peers{};
    bool dry_run = false;
};

/// What such a wish comes to.
struct ChainPlan {
    consensus::Genesis genesis{};
    ChainManifest manifest{};
    config::PeerSection peers{};
};

/// What of the node the plan depends on.
struct PlanFacts {
    const PublicKey& key;
    const std::string& name;  ///< among the nodes
    std::int64_t now_unix_ms = 0;
};

/// A genesis of a new chain that names no validator gets this node as the only one, and the present
/// as its time. Pure. Errors: malformed, invalid_argument.
Result<ChainPlan> plan_chain(const ChainWish& wish, const PlanFacts& facts);

/// Fit for a chain that lies in a folder of its name: 1 to 64 of letters, digits, '.', '_' and '-',
/// the first a letter or a digit.
bool is_chain_name(std::string_view name) noexcept;

/// The links that a manifest asks for. Error: invalid_argument.
Result<config::PeerSection> peer_section(const ChainManifest& manifest,
                                         const std::string& own_name);

/// Names with a manifest, in order. What has none was never finished. Error: storage_failed.
Result<std::vector<std::string>> hosted_names(const std::string& data_dir);

/// Genesis and manifest of a folder. Errors: not_found, malformed, invalid_argument, and those of
/// read_file.
Result<ChainPlan> read_chain(const std::string& folder, const std::string& own_name);
struct PrepareFacts {
    bool is_new = false;  ///< as in ChainWish
    std::int64_t now_unix_ms = 0;
};
/// Makes the folder with everything but the manifest. Where the chain is new and was never opened
/// here, with the note that its key has not voted. What an unfinished attempt with another genesis
/// left there is put aside, as NAME.unfinished-TIME. Error: storage_failed.
Status prepare_chain(const std::string& folder, const ChainPlan& plan, const PrepareFacts& facts);
/// From here on the chain is hosted.
Status write_manifest(const std::string& folder, const ChainManifest& manifest);
/// And from here on no more; the manifest stays as left.json. Error: storage_failed.
Status withdraw_manifest(const std::string& folder);

}  // namespace ait::node
