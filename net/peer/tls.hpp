#pragma once

// TLS 1.3 between nodes as a pure transformation of bytes: what comes from the socket goes in, what
// must go to the socket comes out, so that sockets may read and write in large portions. Each side
// shows a self-signed certificate made of its node key; whose key may connect is decided after the
// handshake, by the caller.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/bytes.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/result.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace ait::net {

/// The certificate and key of this node in OpenSSL's form. Immutable; any thread.
class TlsIdentity {
  public:
    /// Error: unavailable (OpenSSL refused; it says why).
    static Result<std::shared_ptr<const TlsIdentity>> make(const crypto::SecretKey& key);
    ~TlsIdentity();
    TlsIdentity(const TlsIdentity&) = delete;
    TlsIdentity& operator=(const TlsIdentity&) = delete;
    [[nodiscard]] ssl_ctx_st* context() const noexcept { return context_; }

  private:
    explicit TlsIdentity(ssl_ctx_st* context) : context_(context) {}
    ssl_ctx_st* context_;
};

enum class TlsSide : unsigned char { dialler, acceptor };

/// One end of one connection. One thread at a time.
class TlsChannel {
  public:
    enum class Step : unsigned char {
        done,    ///< of the handshake
        more,    ///< everything given is used; more must come
        closed,  ///< the other side ended the connection in order
        failed,  ///< failure() says why; nothing further works
    };
    TlsChannel(std::shared_ptr<const TlsIdentity> identity, TlsSide side);
    ~TlsChannel();
    TlsChannel(const TlsChannel&) = delete;
    TlsChannel& operator=(const TlsChannel&) = delete;

    /// Goes on with the handshake. Takes bytes from the front of `input`, appends to `output`.
    Step shake(std::string_view& input, std::string& output);
    /// The key of the other side's certificate, proved by the handshake. Needs shake() done.
    [[nodiscard]] PublicKey peer_key() const;
    /// Decrypts all of `input` into `plain`, which must have plain_room(input.size()) bytes, and
    /// sets `count`; may append an answer to `output`.
    Step read(std::string_view& input, char* plain, std::size_t& count, std::string& output);
    /// Plain text is never longer than what it came in; one record may be left from before.
    static constexpr std::size_t plain_room(std::size_t input_bytes) noexcept {
        return input_bytes + 2UL * record_bytes_max;
    }
    static constexpr std::size_t record_bytes_max = 16UL * 1024;
    /// Encrypts `plain` and appends to `output`. False: failed.
    bool write(std::string_view plain, std::string& output);
    /// Appends the notice that nothing more will be sent.
    void close(std::string& output);
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  private:
    Step outcome(int result);

    std::shared_ptr<const TlsIdentity> identity_;
    ssl_st* ssl_;
    std::string_view* input_ = nullptr;  // of the call under way
    std::string* output_ = nullptr;
    std::string failure_{};

    friend struct TlsBytes;
};

}  // namespace ait::net
