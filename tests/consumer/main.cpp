// Built by CI against the installed library: shows that headers, package files and linking work.

#include <cstdio>
#include <exception>
#include <fstream>
#include <lodestone/table.hpp>
#include <lodestone/version.hpp>

int main() try {
  const char* path = "consumer.csv";
  std::ofstream(path) << "height,width\n1.5,2\n3,4.25\n";
  const lodestone::Table table = lodestone::read_table(path);
  std::remove(path);

  const bool right = table.names == std::vector<std::string>{"height", "width"} &&
                     table.values.rows() == 2 && table.values.cols() == 2 &&
                     table.values(1, 1) == 4.25;
  std::printf("lodestone %s read a table of %td rows: %s\n", lodestone::version,
              table.values.rows(), right ? "right" : "WRONG");
  return right ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "consumer: %s\n", error.what());
  return 1;
}
