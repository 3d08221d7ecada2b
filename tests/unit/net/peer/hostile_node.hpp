#pragma once

// A node that says whatever a test wants: TLS with any key or none, then any bytes.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/peer/frame.hpp"
#include "net/peer/handshake.hpp"
#include "net/peer/tls.hpp"
#include "tests/unit/net/raw_peers.hpp"

namespace ait::net {

class HostileNode {
  public:
    struct Heard {
        std::uint8_t kind = 0;
        std::string payload{};
    };
    /// Connects from `from`; nothing is said yet.
    HostileNode(const crypto::SecretKey& key, std::uint16_t port,
                const std::string& from = "127.0.0.1");

    /// True when the TLS handshake ended well, as this side sees it.
    bool shake();
    /// Plain bytes inside TLS; false when the other side does not take them.
    bool say(std::string_view plain);
    bool say_frame(std::uint8_t kind, std::uint64_t correlation, std::string_view payload);
    /// The next frame; nothing when the connection ended before one, or time is up.
    std::optional<Heard> hear();
    /// The refusal, if the next frame is one.
    PeerEnd hear_refusal();
    /// The whole greeting of a dialler; true when welcome.
    bool greet(const Hello& hello);
    [[nodiscard]] RawPeer& raw() noexcept { return raw_; }

  private:
    RawPeer raw_;
    TlsChannel tls_;
    FrameReader reader_{};
    std::string plain_{};
    std::vector<Heard> heard_{};
};

}  // namespace ait::net
