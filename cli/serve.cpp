#include "runtime/serve/serve.h"

#include "base/files.h"
#include "cli/cli.h"

namespace mlp::cli {

void add_serve(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string what, host = "127.0.0.1"; int port = -1, threads = 0; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->what, "a spec (its newest run, or trained first), a package file or a run")->required();
  add_set(app, globals);
  app.add_option("--host", args->host, "address to listen on");
  app.add_option("--port", args->port, "port to listen on, 0 for any free one (default: the spec's)")->check(CLI::Range(0, 65535));
  app.add_option("--threads", args->threads, "threads that answer (default: one a core)")->check(CLI::Range(1, 1024));
  app.footer("The server of the artifact, in this process: Open Inference Protocol V2, /invocations, /metrics.\n\nExamples:\n  mlp serve telco-churn.mlp\n  mlp serve latest --port 0");
  run = [&globals, args] {
    const Subject subject = resolve(args->what, globals, cores());
    serve::ServeOptions options;
    options.host = args->host;
    options.port = args->port >= 0 ? args->port : static_cast<int>(subject.loaded.engine->package().signature.port);
    options.threads = args->threads;
    options.version = sha256(subject.bytes).substr(0, 12);
    options.warn = [&globals](const Diagnostic& d) { report({d}, {}, globals); };
    return serve::serve(*subject.loaded.engine, options);
  };
}

}  // namespace mlp::cli
