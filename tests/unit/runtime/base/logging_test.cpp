#include "runtime/base/logging.hpp"

#include <gtest/gtest.h>

namespace ait {
namespace {

// Breaks if a message could end the JSON line of a log or begin a new one.
TEST(Logging, a_message_stays_inside_its_json_string_whatever_it_holds) {
    EXPECT_EQ(json_escaped("plain"), "plain");
    EXPECT_EQ(json_escaped("say \"hi\"\\"), "say \\\"hi\\\"\\\\");
    EXPECT_EQ(json_escaped("one\ntwo\x01"), "one\\u000atwo\\u0001");
    EXPECT_EQ(json_escaped("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(Logging, unknown_forms_are_automatic) {
    EXPECT_EQ(log_form_from_name("json"), LogForm::json);
    EXPECT_EQ(log_form_from_name("text"), LogForm::text);
    EXPECT_EQ(log_form_from_name("auto"), LogForm::automatic);
}

}  // namespace
}  // namespace ait
