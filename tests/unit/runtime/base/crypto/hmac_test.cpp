#include "runtime/base/crypto/hmac.hpp"

#include <gtest/gtest.h>

#include <string>

#include "runtime/base/bytes.hpp"

namespace ait::crypto {
namespace {

// Breaks if phrases of other wallets led to other keys here.
TEST(HmacSha512, matches_rfc_4231) {
    EXPECT_EQ(to_hex(hmac_sha512(std::string(20, '\x0b'), "Hi There").view()),
              "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
              "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
    EXPECT_EQ(to_hex(hmac_sha512("Jefe", "what do ya want for nothing?").view()),
              "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
              "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    EXPECT_EQ(to_hex(hmac_sha512(std::string(131, '\xaa'),
                                 "Test Using Larger Than Block-Size Key - Hash Key First")
                         .view()),
              "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
              "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

TEST(Pbkdf2HmacSha512, matches_known_values) {
    EXPECT_EQ(to_hex(pbkdf2_hmac_sha512("password", "salt", 1).view()),
              "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252"
              "c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce");
    EXPECT_EQ(to_hex(pbkdf2_hmac_sha512("password", "salt", 2).view()),
              "e1d9c16aa681708a45f5c7c4e215ceb66e011a2e9f0040713f18aefdb866d53c"
              "f76cab2868a39b9f7840edce4fef5a82be67335c77a6068e04112754f27ccf4e");
    EXPECT_EQ(to_hex(pbkdf2_hmac_sha512("password", "salt", 4'096).view()),
              "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5"
              "143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5");
    EXPECT_EQ(to_hex(pbkdf2_hmac_sha512(std::string(200, 'p'), "saltSALT", 3).view()),
              "c95ff66171f102114c987f54dec96fd93701a343785e81063de4cd515bd92b2d"
              "aded80852549921368ad1fcdbab6af5ff21cc3684ae39a799e1d67e140b8a4c7");
}

}  // namespace
}  // namespace ait::crypto
