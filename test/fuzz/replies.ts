/** What comes back on a connection, read strictly: anything but a run of whole, well-formed replies is a fault. */
import assert from "node:assert/strict";

export interface Reply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** Whether it says that it is the connection's last. */
  readonly closes: boolean;
}

const headEnd = Buffer.from("\r\n\r\n");
const statusLine = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\x20-\x7e]*)$/;

function readHead(text: string): { status: number; headers: Map<string, string> } {
  const [first = "", ...lines] = text.split("\r\n");
  const status = statusLine.exec(first)?.[1];
  assert.ok(status !== undefined, `no status line: ${JSON.stringify(first.slice(0, 200))}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] =
      headerLine.exec(line) ?? assert.fail(`no header: ${JSON.stringify(line)}`);
    assert.ok(!headers.has(name.toLowerCase()), `${name} came twice`);
    headers.set(name.toLowerCase(), value);
  }
  return { status: Number(status), headers };
}

/**
 * The replies in `bytes`, to these requests in turn; a reply to HEAD has no body, unless it was not understood to be one.
 * Interim replies are left out.
 */
export function readReplies(
  bytes: Buffer,
  requests: readonly { readonly method: string; readonly framed: boolean }[],
): Reply[] {
  const replies: Reply[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(headEnd, at);
    assert.ok(end !== -1, `half a reply: ${JSON.stringify(bytes.subarray(at, at + 200).toString("latin1"))}`);
    const { status, headers } = readHead(bytes.subarray(at, end).toString("latin1"));
    at = end + headEnd.length;
    if (status === 100) continue;
    const length = Number(headers.get("content-length"));
    assert.ok(Number.isSafeInteger(length), `a reply of unknown length with status ${status}`);
    const { method = "?", framed = false } = requests[replies.length] ?? {};
    const nothing = at === bytes.length || bytes.subarray(at, at + 9).toString("latin1") === "HTTP/1.1 ";
    const bodyless = method === "HEAD" && (framed || nothing);
    const bodyLength = bodyless ? 0 : length;
    assert.ok(at + bodyLength <= bytes.length, `a reply with status ${status} is cut short`);
    const body = bytes.subarray(at, at + bodyLength);
    at += bodyLength;
    const reply = { status, headers, body, closes: headers.get("connection") === "close" };
    replies.push(reply);
    if (!bodyless) checkReply(reply);
  }
  return replies;
}

const statuses = new Set([200, 400, 401, 403, 404, 405, 408, 409, 413, 415, 417, 422, 431, 503, 504]);

/** The API's one form of errors, and JSON wherever it says so. */
function checkReply({ status, headers, body }: Reply): void {
  assert.ok(statuses.has(status), `status ${status}: ${body.toString().slice(0, 300)}`);
  const type = headers.get("content-type") ?? "";
  if (status === 200 && !type.startsWith("application/json")) {
    assert.ok(type.startsWith("text/plain"), `a reply of type ${type}`);
    return;
  }
  assert.equal(type, "application/json; charset=utf-8");
  const parsed: unknown = JSON.parse(body.toString());
  if (status === 200) {
    checkSlots((parsed as { readonly data?: unknown }).data);
    return;
  }
  checkError(status, (parsed as { readonly error?: unknown }).error);
  if (status === 503) assert.ok(Number(headers.get("retry-after")) > 0, "a 503 says when to try again");
  if (status === 405) assert.ok((headers.get("allow") ?? "").length > 2, "a 405 says what is allowed");
}

/** A batch's orders that were refused are told as single ones are. */
function checkSlots(data: unknown): void {
  if (!Array.isArray(data)) return;
  for (const { error } of data as { readonly error?: { readonly code?: number } }[]) {
    if (error !== undefined) checkError(Number(error.code), error);
  }
}

function checkError(status: number, error: unknown): void {
  assert.ok(typeof error === "object" && error !== null, `no error in a reply with status ${status}`);
  const { code, reason, message } = error as Record<string, unknown>;
  assert.equal(code, status);
  assert.match(String(reason), /^[a-z]+(-[a-z]+)*$/);
  assert.ok(typeof message === "string" && message.length > 10 && message.isWellFormed());
  assert.ok(message.length < 600, "a message stays short, whatever was sent");
}
