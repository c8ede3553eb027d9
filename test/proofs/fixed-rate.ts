/**
 * Ask a service at a fixed rate, whether it keeps up or not.
 *
 * A latency counts from the moment at which the question was due, so that a queue is not forgotten
 * (coordinated omission). The asker shares the cores with whom it asks: so requests are written
 * beforehand, answers are read afterwards, and between the two there is a socket and nothing else.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** As many as the lines that an edge keeps open. */
const SOCKETS_MAX = 64;
/** After the last question; longer than the service lets a request be under way. */
const ANSWER_MAX_MS = 60_000;

export interface Asked {
  /** In milliseconds, by question; of one that got no answer, until its line broke. */
  latenciesMs: Float64Array;
  /** Status line, head and body, by question; empty without an answer. */
  answers: readonly string[];
}

/** Send requests (whole, as HTTP/1.1 has them) to a port of this machine, `rate` a second. */
export async function askAtRate(
  port: number,
  rate: number,
  requests: readonly Buffer[],
): Promise<Asked> {
  const latenciesMs = new Float64Array(requests.length);
  const answers: string[] = Array(requests.length).fill('');
  const lines: Line[] = [];
  const idle: Line[] = [];
  const queue: number[] = [];
  const startedMs = performance.now();
  const dueMs = (i: number) => startedMs + (i * 1000) / rate;
  let openCount = 0;
  const send = (line: Line, i: number) =>
    line.ask(requests[i]!, (answer) => {
      latenciesMs[i] = performance.now() - dueMs(i);
      answers[i] = answer;
      openCount--;
      const next = queue.shift();
      if (next !== undefined) send(line, next);
      else idle.push(line);
    });
  const launch = (i: number) => {
    openCount++;
    let line = idle.pop();
    if (!line && lines.length < SOCKETS_MAX) {
      line = new Line(port);
      lines.push(line);
    }
    if (line) send(line, i);
    else queue.push(i);
  };
  for (let i = 0; i < requests.length; ) {
    const due = Math.min(requests.length, ((performance.now() - startedMs) * rate) / 1000);
    for (; i < due; i++) launch(i);
    await sleep(1);
  }
  const untilMs = performance.now() + ANSWER_MAX_MS;
  while (openCount > 0 && performance.now() < untilMs) await sleep(5);
  await Promise.all(lines.map((line) => line.close()));
  return { latenciesMs, answers };
}

/** One connection, one question at a time; opened again where it broke. */
class Line {
  readonly #port: number;
  #socket: Socket | undefined;
  #text = '';
  #answered: ((answer: string) => void) | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  ask(request: Buffer, answered: (answer: string) => void): void {
    this.#text = '';
    this.#answered = answered;
    this.#socket ??= this.#open();
    this.#socket.write(request);
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    socket.destroy();
    await once(socket, 'close');
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1').setNoDelay(true).setEncoding('latin1');
    socket.on('data', (part: string) => {
      this.#text += part;
      if (isWhole(this.#text)) this.#finish(this.#text);
    });
    // 'close' follows, and counts.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#socket = undefined;
      this.#finish('');
    });
    return socket;
  }

  #finish(answer: string): void {
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(answer);
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)\r$/im.exec(text)?.[1];
  return text.length >= end + 4 + Number(length);
}

/** JSON of an answer with status 200; undefined of any other. */
export function jsonOf(answer: string): unknown {
  if (!answer.startsWith('HTTP/1.1 200 ')) return undefined;
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
}
