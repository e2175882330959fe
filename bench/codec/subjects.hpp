// bench/codec/subjects.hpp: who decodes.
#pragma once

#include <codec/foxtrot_codec.hpp>
#include <codec/nlohmann_codec.hpp>
#include <codec/rapidjson_codec.hpp>
#include <codec/simdjson_codec.hpp>

namespace foxtrot_bench {

/// visit.operator()<Codec>(name) for each; peers that were not found when this was configured are left out.
template <class Visit>
void for_each_codec(Visit&& visit) {
  visit.template operator()<foxtrot_codec>("foxtrot");
  visit.template operator()<portable_foxtrot_codec>("foxtrot_portable");
  visit.template operator()<simdjson_codec>("simdjson");
#if defined(FOXTROT_BENCH_WITH_RAPIDJSON)
  visit.template operator()<rapidjson_codec>("rapidjson");
#endif
#if defined(FOXTROT_BENCH_WITH_NLOHMANN)
  visit.template operator()<nlohmann_codec>("nlohmann");
#endif
}

}  // namespace foxtrot_bench
