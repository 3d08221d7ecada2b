#include "net/peer/tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "runtime/base/assert.hpp"

namespace ait::net {

namespace {

constexpr long certificate_bytes_max = 4'096;  // ours has about 300

template <class T, void (*free_it)(T*)>
struct Freed {
    void operator()(T* value) const noexcept { free_it(value); }
};
using Pkey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;

/// The oldest reason in OpenSSL's queue of this thread, which is emptied.
std::string openssl_reason() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "It gave no reason.";
    const char* const reason = ERR_reason_error_string(code);
    return reason == nullptr ? "Error " + std::to_string(code) + "." : std::string(reason) + ".";
}

Error openssl_failed() {
    return Error{ErrorCode::unavailable, "The node's TLS certificate cannot be made.",
                 openssl_reason(), "Check the OpenSSL library of this machine."};
}

/// The Ed25519 key in a certificate, or false for any other kind of key.
bool key_of(X509* certificate, PublicKey& key) {
    EVP_PKEY* const pkey = X509_get0_pubkey(certificate);  // stays the certificate's
    if (pkey == nullptr || EVP_PKEY_get_base_id(pkey) != EVP_PKEY_ED25519) return false;
    std::size_t size = key.bytes.size();
    return EVP_PKEY_get_raw_public_key(pkey, key.bytes.data(), &size) == 1 &&
           size == key.bytes.size();
}

/// Instead of a chain of authorities: one certificate with an Ed25519 key. That the other side
/// holds the key is proved by its signature over the handshake, and whose key it is the caller
/// looks up.
int accept_any_node(X509_STORE_CTX* store, void* /*unused*/) {
    X509* const certificate = X509_STORE_CTX_get0_cert(store);
    STACK_OF(X509)* const others = X509_STORE_CTX_get0_untrusted(store);
    PublicKey key;
    const bool is_alone = others == nullptr || sk_X509_num(others) <= 1;
    if (certificate != nullptr && is_alone && key_of(certificate, key)) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

bool set_validity(X509* certificate) {
    // For ever: what is trusted is the key, and a node whose clock is off must still find its
    // peers.
    return ASN1_TIME_set_string(X509_getm_notBefore(certificate), "19700101000000Z") == 1 &&
           ASN1_TIME_set_string(X509_getm_notAfter(certificate), "99991231235959Z") == 1;
}

Certificate self_signed(EVP_PKEY* pkey, const PublicKey& key) {
    Certificate certificate(X509_new());
    if (certificate == nullptr) return nullptr;
    X509* const raw = certificate.get();
    X509_NAME* const name = X509_get_subject_name(raw);
    const std::string text = to_hex(key.view());
    const bool is_filled =
        X509_set_version(raw, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(raw), 1) == 1 &&
        set_validity(raw) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()), -1, 0) == 1 &&
        X509_set_issuer_name(raw, name) == 1 && X509_set_pubkey(raw, pkey) == 1 &&
        X509_sign(raw, pkey, nullptr) != 0;
    return is_filled ? std::move(certificate) : nullptr;
}

bool harden(SSL_CTX* context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_max_cert_list(context, certificate_bytes_max);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, accept_any_node, nullptr);
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(context, 0) == 1 &&
           SSL_CTX_set_max_early_data(context, 0) == 1 &&
           SSL_CTX_set_ciphersuites(context,
                                    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519") == 1 &&
           SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1;
}

}  // namespace

/// OpenSSL's view of the bytes of the call under way.
struct TlsBytes {
    static int read(BIO* bio, char* to, std::size_t room, std::size_t* count) {
        auto& channel = *static_cast<TlsChannel*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        *count = 0;
        if (channel.input_ == nullptr || channel.input_->empty()) {
            BIO_set_retry_read(bio);
            return 0;
        }
        *count = std::min(room, channel.input_->size());
        std::copy_n(channel.input_->data(), *count, to);
        channel.input_->remove_prefix(*count);
        return 1;
    }
    static int write(BIO* bio, const char* from, std::size_t bytes, std::size_t* count) {
        auto& channel = *static_cast<TlsChannel*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        AIT_ASSERT(channel.output_ != nullptr);
        channel.output_->append(from, bytes);
        *count = bytes;
        return 1;
    }
    static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }
    /// One for the process, made at first use and never freed.
    static BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* const fresh =
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bytes of one call");
            AIT_ASSERT(fresh != nullptr);
            BIO_meth_set_read_ex(fresh, read);
            BIO_meth_set_write_ex(fresh, write);
            BIO_meth_set_ctrl(fresh, control);
            return fresh;
        }();
        return made;
    }
};

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::make(const crypto::SecretKey& key) {
    ERR_clear_error();
    const crypto::Secret seed = key.seed();
    const Pkey pkey(EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(seed.view().data()),
        seed.size()));
    if (pkey == nullptr) return openssl_failed();
    const Certificate certificate = self_signed(pkey.get(), key.public_key());
    if (certificate == nullptr) return openssl_failed();
    Context context(SSL_CTX_new(TLS_method()));
    if (context == nullptr || !harden(context.get()) ||
        SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), pkey.get()) != 1) {
        return openssl_failed();
    }
    return std::shared_ptr<const TlsIdentity>(new TlsIdentity(context.release()));
}

TlsIdentity::~TlsIdentity() {
    SSL_CTX_free(context_);
}

TlsChannel::TlsChannel(std::shared_ptr<const TlsIdentity> identity, TlsSide side)
    : identity_(std::move(identity)), ssl_(SSL_new(identity_->context())) {
    BIO* const bytes = BIO_new(TlsBytes::method());
    AIT_ASSERT(ssl_ != nullptr && bytes != nullptr);  // memory alone can fail here
    BIO_set_data(bytes, this);
    BIO_set_init(bytes, 1);
    SSL_set_bio(ssl_, bytes, bytes);
    if (side == TlsSide::dialler) {
        SSL_set_connect_state(ssl_);
    } else {
        SSL_set_accept_state(ssl_);
    }
}

TlsChannel::~TlsChannel() {
    SSL_free(ssl_);
}

TlsChannel::Step TlsChannel::outcome(int result) {
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ:
            return Step::more;
        case SSL_ERROR_ZERO_RETURN:
            return Step::closed;
        default:
            failure_ = openssl_reason();
            return Step::failed;
    }
}

TlsChannel::Step TlsChannel::shake(std::string_view& input, std::string& output) {
    ERR_clear_error();
    input_ = &input;
    output_ = &output;
    const int result = SSL_do_handshake(ssl_);
    const Step step = result == 1 ? Step::done : outcome(result);
    input_ = nullptr;
    output_ = nullptr;
    return step;
}

PublicKey TlsChannel::peer_key() const {
    PublicKey key;
    X509* const certificate = SSL_get0_peer_certificate(ssl_);
    AIT_ASSERT(certificate != nullptr);  // accept_any_node saw it
    const bool is_known = key_of(certificate, key);
    AIT_ASSERT(is_known);
    return key;
}

TlsChannel::Step TlsChannel::read(std::string_view& input, char* plain, std::size_t& count,
                                  std::string& output) {
    ERR_clear_error();
    input_ = &input;
    output_ = &output;
    const std::size_t room = plain_room(input.size());
    count = 0;
    int result = 1;
    while (result == 1) {
        std::size_t step_bytes = 0;
        AIT_ASSERT(room - count >= record_bytes_max);
        result = SSL_read_ex(ssl_, plain + count, record_bytes_max, &step_bytes);
        if (result == 1) count += step_bytes;
    }
    const Step step = outcome(result);
    input_ = nullptr;
    output_ = nullptr;
    return step;
}

bool TlsChannel::write(std::string_view plain, std::string& output) {
    ERR_clear_error();
    output_ = &output;
    std::size_t count = 0;
    const int result = plain.empty() ? 1 : SSL_write_ex(ssl_, plain.data(), plain.size(), &count);
    output_ = nullptr;
    if (result == 1) return true;
    failure_ = openssl_reason();
    return false;
}

void TlsChannel::close(std::string& output) {
    ERR_clear_error();
    output_ = &output;
    (void)SSL_shutdown(ssl_);  // the connection ends either way
    output_ = nullptr;
    ERR_clear_error();
}

}  // namespace ait::net
