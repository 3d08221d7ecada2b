#include "actors/miner/registration.hpp"

#include <algorithm>

#include "actors/miner/gpu_spec.hpp"

namespace ait::miner {
namespace {

Error refuse(std::string why, std::string next) {
    return Error{ErrorCode::invalid_argument, "The miner cannot be registered.", std::move(why),
                 std::move(next)};
}

/// Names appear on terminals and in matching: no control characters, no blanks at the ends.
bool is_name(std::string_view text) {
    if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != 0x7F;
    });
}

/// Texts of a list, each of which may itself be comma-separated.
std::vector<std::string> texts_in(const Json& input, std::string_view name) {
    std::vector<std::string> texts;
    const auto found = input.find(name);
    if (found == input.end()) return texts;
    const auto split = [&texts](const std::string& text) {
        for (std::size_t at = 0; at <= text.size();) {
            const std::size_t comma = std::min(text.find(',', at), text.size());
            std::string part = text.substr(at, comma - at);
            const auto begin = part.find_first_not_of(' ');
            const auto end = part.find_last_not_of(' ');
            if (begin != std::string::npos) texts.push_back(part.substr(begin, end - begin + 1));
            at = comma + 1;
        }
    };
    if (found->is_string()) split(found->get<std::string>());
    if (!found->is_array()) return texts;
    for (const auto& element : *found) {
        if (element.is_string()) split(element.get<std::string>());
    }
    return texts;
}

/// "llama3.1:8b=llama3": runs the first, answers to the second too. A name may come several times.
void add_model(std::vector<ModelOffer>& models, const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    auto offer = std::find_if(models.begin(), models.end(),
                              [&](const ModelOffer& known) { return known.name == name; });
    if (offer == models.end()) offer = models.insert(models.end(), ModelOffer{.name = name});
    if (equals != std::string::npos) offer->aliases.push_back(text.substr(equals + 1));
}

Result<std::uint32_t> number_in(const Json& input, std::string_view name, std::uint32_t fallback) {
    const auto found = input.find(name);
    if (found == input.end() || found->is_null()) return fallback;
    return detail::value_from_json<std::uint32_t>(*found, std::string(name), 0);
}

Result<std::vector<GpuSpec>> gpus_in(const Json& input, std::uint32_t memory_gb) {
    const auto found = input.find("gpus");
    if (found == input.end() || found->is_null()) return std::vector<GpuSpec>{};
    if (found->is_string()) return parse_gpus(found->get<std::string>(), memory_gb);
    return detail::value_from_json<std::vector<GpuSpec>>(*found, "gpus", limits::miner_gpus_max);
}

Status check_gpus(const std::vector<GpuSpec>& gpus) {
    for (const GpuSpec& gpu : gpus) {
        if (!is_name(gpu.model)) return refuse("A GPU has no readable name.", "Name it.");
        if (gpu.count == 0 || gpu.count > gpu_count_max) {
            return refuse("There are " + std::to_string(gpu.count) + " of \"" + gpu.model + "\".",
                          "Use 1 to " + std::to_string(gpu_count_max) + ".");
        }
        if (gpu.memory_mb > gpu_memory_mb_max) {
            return refuse("\"" + gpu.model + "\" has more memory than any GPU.",
                          "Give the memory of one in MiB.");
        }
    }
    return {};
}

Status check_models(const std::vector<ModelOffer>& models) {
    for (const ModelOffer& model : models) {
        const bool named =
            is_name(model.name) && std::all_of(model.aliases.begin(), model.aliases.end(), is_name);
        if (!named) return refuse("A model or alias has no readable name.", "Name it.");
        const bool fits = std::all_of(
            model.aliases.begin(), model.aliases.end(),
            [](const std::string& alias) { return alias.size() <= limits::model_name_bytes_max; });
        if (!fits || model.aliases.size() > model_aliases_max) {
            return refuse("Model \"" + model.name + "\" has too many or too long aliases.",
                          "Use at most " + std::to_string(model_aliases_max) + ".");
        }
    }
    return {};
}

}  // namespace

Result<RegisterMiner> checked(RegisterMiner registration) {
    RegisterMiner& r = registration;
    if (r.types.empty()) r.types.emplace_back("inference");
    if (r.gpus.size() > limits::miner_gpus_max || r.models.size() > limits::miner_models_max ||
        r.types.size() > job_types_max) {
        return Error{ErrorCode::limit_reached, "The miner cannot be registered.",
                     "It names too many GPUs, models or kinds of work.",
                     "At most " + std::to_string(limits::miner_gpus_max) + " GPUs, " +
                         std::to_string(limits::miner_models_max) + " models and " +
                         std::to_string(job_types_max) + " kinds are kept."};
    }
    for (const std::string& type : r.types) {
        if (!is_name(type) || type.size() > limits::name_bytes_max) {
            return refuse("A kind of work has no readable name.", "Use inference.");
        }
    }
    if (r.concurrency == 0 || r.concurrency > concurrency_max) {
        return refuse("A concurrency of " + std::to_string(r.concurrency) + " is not possible.",
                      "Use 1 to " + std::to_string(concurrency_max) + ".");
    }
    if (r.price_per_hour > price_per_hour_max) {
        return refuse("A price of " + to_text(r.price_per_hour) + " AIT an hour is too high.",
                      "Use at most " + to_text(price_per_hour_max) + ".");
    }
    if (!r.region.empty() && (!is_name(r.region) || r.region.size() > limits::name_bytes_max)) {
        return refuse("The region has no readable name.", "Use a word such as eu-west.");
    }
    for (const Status& status : {check_gpus(r.gpus), check_models(r.models)}) {
        if (!status.ok()) return status.error();
    }
    return registration;
}

Result<RegisterMiner> compose_registration(const Json& input) {
    const auto memory_gb = number_in(input, "memory", 0);
    if (!memory_gb.ok()) return memory_gb.error();
    const auto concurrency = number_in(input, "concurrency", 1);
    if (!concurrency.ok()) return concurrency.error();
    auto gpus = gpus_in(input, memory_gb.value());
    if (!gpus.ok()) return gpus.error();
    RegisterMiner registration{.gpus = std::move(gpus).value(),
                               .types = texts_in(input, "types"),
                               .concurrency = concurrency.value()};
    const auto price = input.find("price_per_hour");
    if (price != input.end() && !price->is_null()) {
        const auto amount = detail::value_from_json<Amount>(*price, "price_per_hour", 32);
        if (!amount.ok()) return amount.error();
        registration.price_per_hour = amount.value();
    }
    const auto region = input.find("region");
    if (region != input.end() && region->is_string()) {
        registration.region = region->get<std::string>();
    }
    for (const std::string& text : texts_in(input, "models")) add_model(registration.models, text);
    return checked(std::move(registration));
}

}  // namespace ait::miner
