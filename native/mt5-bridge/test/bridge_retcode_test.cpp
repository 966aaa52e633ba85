// The table of MetaTrader's return codes, and the page that shows it.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "bridge/retcode_class.h"

using namespace troupe::bridge;
namespace v1 = troupe::bridge::v1;

namespace {

using enum RetcodeClass;

// As the MQL5 reference has them; 10005 and 10037 do not exist.
const std::map<RetcodeClass, std::set<uint32_t>> kExpected = {
    {kOk, {0, 10009, 10010, 10025}},
    {kAccepted, {10008}},
    {kNo, {10006, 10007, 10013, 10014, 10016, 10017, 10019, 10022, 10026, 10027, 10032, 10033,
           10034, 10035, 10036, 10038, 10039, 10040, 10041, 10042, 10043, 10044, 10045, 10046}},
    {kRetry, {10004, 10015, 10018, 10020, 10021, 10023, 10024, 10028, 10029, 10030}},
    {kUnknown, {10011, 10012, 10031}},
};

TEST(Retcodes, eachDocumentedCodeHasItsClassAndNoneBesides) {
  std::map<RetcodeClass, std::set<uint32_t>> got;
  std::set<std::string> names;
  uint32_t last = 0;
  for (const Retcode& entry : retcodes()) {
    EXPECT_TRUE(entry.code == 0 || entry.code > last) << entry.code << " is out of order";
    last = entry.code;
    got[entry.group].insert(entry.code);
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_STRNE(entry.action, "");
    EXPECT_EQ(retcodeOf(entry.code), &entry);
  }
  EXPECT_EQ(got, kExpected);
  for (uint32_t code = 10000; code <= 10100; ++code) {
    bool documented = false;
    for (const auto& [group, codes] : kExpected) documented = documented || codes.contains(code);
    EXPECT_EQ(retcodeOf(code) != nullptr, documented) << code;
  }
}

TEST(Retcodes, whatACodeMeansForTheRequest) {
  const Request deal, change{.is_change = true}, close{.is_close = true}, unsent{.was_sent = false};
  EXPECT_EQ(outcomeOf(10009, deal), v1::OUTCOME_DONE);
  EXPECT_EQ(outcomeOf(10008, deal), v1::OUTCOME_ACCEPTED);
  EXPECT_EQ(outcomeOf(10006, deal), v1::OUTCOME_REJECTED);
  EXPECT_EQ(outcomeOf(10004, deal), v1::OUTCOME_REJECTED) << "nothing was executed; again only as a new order";
  EXPECT_EQ(outcomeOf(10012, deal), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(outcomeOf(10013, deal), v1::OUTCOME_REJECTED);
  EXPECT_EQ(classOf(10013, deal), kNo);
  EXPECT_EQ(classOf(10013, change), kRetry) << "an earlier change may be under way";
  EXPECT_EQ(outcomeOf(10025, change), v1::OUTCOME_DONE);
  EXPECT_EQ(outcomeOf(10036, close), v1::OUTCOME_DONE);
  EXPECT_EQ(outcomeOf(10036, change), v1::OUTCOME_REJECTED) << "stops of a position that is gone";
  EXPECT_EQ(outcomeOf(10031, deal), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(outcomeOf(10031, unsent), v1::OUTCOME_REJECTED);
  EXPECT_EQ(classOf(10031, unsent), kRetry);
  for (const uint32_t code : {1u, 10005u, 10037u, 10047u, UINT32_MAX}) {
    EXPECT_EQ(outcomeOf(code, deal), v1::OUTCOME_UNKNOWN) << code;
    EXPECT_EQ(classOf(code, deal), kUnknown) << code;
    EXPECT_EQ(retcodeName(code), "RETCODE_" + std::to_string(code));
  }
}

TEST(Retcodes, classesHaveTheNumbersOfTheWire) {
  for (const auto& [group, codes] : kExpected)
    EXPECT_EQ(v1::RetcodeClass_Name(static_cast<v1::RetcodeClass>(group)),
              std::string("RETCODE_CLASS_") + nameOf(group));
}

TEST(Retcodes, thePageShowsThisTable) {
  std::ifstream file(std::string(TROUPE_ROOT) + "/docs/return-codes.md");
  ASSERT_TRUE(file) << "docs/return-codes.md cannot be read";
  std::string shown, expected;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("| 0") || line.starts_with("| 1")) shown += line + "\n";
  for (const Retcode& entry : retcodes())
    expected += "| " + std::to_string(entry.code) + " | `" + entry.name + "` | " + nameOf(entry.group) + " | " +
                entry.action + " |\n";
  EXPECT_EQ(shown, expected);
}

}  // namespace
