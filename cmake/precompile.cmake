# Headers that most files read, parsed once for each target: they are half of the time of a build.
# A file still includes what it uses: CMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without this.
function(lodestone_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <cmath> <cstdint> <functional> <memory> <optional> <string> <utility>
    <vector> <Eigen/Dense> <fmt/format.h> ${ARGN})
endfunction()
