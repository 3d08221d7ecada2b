#include "runtime/miner/registration.hpp"

#include <algorithm>

#include "runtime/base/codec/msgpack.hpp"
#include "runtime/miner/model_names.hpp"

namespace ait::miner_process {
namespace {

/// As the chain keeps it: what is left out has its default filled in.
miner::RegisterMiner normalised(miner::RegisterMiner offer) {
    if (offer.types.empty()) offer.types.emplace_back("inference");
    return offer;
}

bool names_model(const miner::ModelOffer& offer, const std::string& model) {
    return is_same_model(offer.name, model) ||
           std::any_of(offer.aliases.begin(), offer.aliases.end(),
                       [&](const std::string& alias) { return is_same_model(alias, model); });
}

}  // namespace

std::optional<miner::RegisterMiner> offer_with_model(
    const std::optional<RegistrationState>& existing, const std::string& model) {
    if (!existing) {
        return miner::RegisterMiner{.models = {{.name = std::string(without_latest(model))}},
                                    .types = {"inference"}};
    }
    miner::RegisterMiner offer = existing->offer;
    const bool is_active = existing->status == miner::MinerStatus::active;
    const bool has_model =
        std::any_of(offer.models.begin(), offer.models.end(),
                    [&](const miner::ModelOffer& known) { return names_model(known, model); });
    const bool has_type =
        std::find(offer.types.begin(), offer.types.end(), "inference") != offer.types.end();
    if (is_active && has_model && has_type) return std::nullopt;
    if (!has_model) offer.models.push_back({.name = std::string(without_latest(model))});
    if (!has_type) offer.types.emplace_back("inference");
    return offer;
}

bool is_registered_as(const std::optional<RegistrationState>& existing,
                      const miner::RegisterMiner& offer) {
    return existing && existing->status == miner::MinerStatus::active &&
           encode(normalised(existing->offer)) == encode(normalised(offer));
}

}  // namespace ait::miner_process
