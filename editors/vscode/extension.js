// A thin client: starts `mlp lsp` and shows documents of the standard library. All else is the server's.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function start() {
  const settings = vscode.workspace.getConfiguration("mlp");
  const store = settings.get("store");
  const run = { command: settings.get("path"), args: store ? ["lsp", "--store", store] : ["lsp"] };
  client = new LanguageClient("mlp", "Millrace", { run, debug: run }, {
    documentSelector: [{ language: "mlp" }],
    initializationOptions: { libraryDocuments: true },
  });
  try {
    await client.start();
  } catch (error) {
    vscode.window.showErrorMessage(`Millrace: \`${run.command} lsp\` does not start: ${error.message}. Set mlp.path to the mlp program.`);
  }
}

async function stop() {
  const stopped = client;
  client = undefined;
  if (stopped && stopped.needsStop()) await stopped.stop();
}

async function restart() {
  await stop();
  await start();
}

exports.activate = async (context) => {
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider("mlp-library", {
      provideTextDocumentContent: (uri) => client.sendRequest("mlp/libraryDocument", { uri: uri.toString() }),
    }),
    vscode.commands.registerCommand("mlp.restart", restart),
    vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration("mlp") && restart()),
  );
  await start();
};

exports.deactivate = stop;
