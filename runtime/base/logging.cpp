#include "runtime/base/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>

namespace ait {
namespace {

/// `%*` in a pattern: the message, escaped for a JSON string.
class EscapedMessage final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
                spdlog::memory_buf_t& out) override {
        const std::string text = json_escaped({message.payload.data(), message.payload.size()});
        out.append(text.data(), text.data() + text.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<EscapedMessage>();
    }
};

}  // namespace

std::string json_escaped(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (byte < 0x20) {
            out += "\\u00";
            out.push_back(digits[byte >> 4U]);
            out.push_back(digits[byte & 15U]);
        } else {
            out.push_back(c);
        }
    }
    return out;
}

LogForm log_form_from_name(std::string_view name) noexcept {
    if (name == "text") return LogForm::text;
    return name == "json" ? LogForm::json : LogForm::automatic;
}

void set_up_logging(std::string_view process, std::string_view level, LogForm form) {
    auto logger = spdlog::stderr_color_mt(std::string(process));
    logger->set_level(spdlog::level::from_str(std::string(level)));
    const bool as_json =
        form == LogForm::json || (form == LogForm::automatic && ::isatty(STDERR_FILENO) == 0);
    if (as_json) {
        auto formatter =
            std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
        formatter->add_flag<EscapedMessage>('*').set_pattern(
            R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","process":"%n","message":"%*"})");
        logger->set_formatter(std::move(formatter));
    } else {
        logger->set_pattern("%H:%M:%S.%e %^%l%$ %v");
    }
    spdlog::set_default_logger(logger);
}

}  // namespace ait
