// Plays one Node client: for each call on a line of standard input, what the client made of it, on a line of output.
// `play.mjs <client's module>`; it knows nothing of the gateway.
import { createInterface } from "node:readline";


// What came of one call: what the client's function returns, or the error that it ended with.
async function play(client, call) {
  try {
    return await client[call.action](call);
  } catch (error) {
    const name = error?.constructor?.name ?? typeof error;
    return { error: name, message: String(error?.message).slice(0, 500), where: String(error?.stack).slice(0, 1500) };
  }
}

const client = await import(`./${process.argv[2]}.mjs`);
for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ cell: call.cell, ...(await play(client, call)) })}\n`);
}
