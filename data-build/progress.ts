/**
 * How far a long command is, on stderr: one line that renews itself on a terminal, JSON lines for a
 * machine. Counts and times only: nothing of a record.
 */

const TERMINAL_EVERY_MS = 100;
const MACHINE_EVERY_MS = 2_000;

/** Time that a step took. */
export interface StepTime {
  step: string;
  seconds: number;
  /** Of the processor, over all threads: what it takes whatever else the machine does. */
  cpuSeconds: number;
}

export class Progress {
  readonly times: StepTime[] = [];
  readonly #isTerminal: boolean;
  readonly #write: (text: string) => void;
  #step = '';
  #startedAt = 0;
  #cpuAtStart = 0;
  #writtenAt = 0;

  constructor(stream: { isTTY?: boolean; write(text: string): unknown } | undefined) {
    this.#isTerminal = stream?.isTTY === true;
    this.#write = (text) => stream?.write(text);
  }

  /** Ends the step before and begins one. */
  start(step: string): void {
    this.finish();
    this.#step = step;
    this.#startedAt = performance.now();
    this.#cpuAtStart = cpuSecondsNow();
    this.#writtenAt = 0;
    if (!this.#isTerminal) this.#write(`${JSON.stringify({ step, event: 'start' })}\n`);
  }

  /** Says how much of the step is done; may be called as often as one likes. */
  update(done: number, total: number, unit: string): void {
    const now = performance.now();
    if (now - this.#writtenAt < (this.#isTerminal ? TERMINAL_EVERY_MS : MACHINE_EVERY_MS)) return;
    this.#writtenAt = now;
    const seconds = (now - this.#startedAt) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    const leftSeconds = rate > 0 ? Math.max(0, Math.ceil((total - done) / rate)) : 0;
    if (this.#isTerminal) {
      const counts = `${count(done)} of ${count(total)} ${unit}`;
      this.#write(`\r\x1b[K${this.#step}: ${counts}, ${count(rate)}/s, ${leftSeconds} s left`);
    } else {
      const line = {
        step: this.#step,
        done,
        total,
        unit,
        perSecond: Math.round(rate),
        leftSeconds,
      };
      this.#write(`${JSON.stringify(line)}\n`);
    }
  }

  /** Ends the step at hand, if there is one. */
  finish(): void {
    if (this.#step === '') return;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const cpuSeconds = cpuSecondsNow() - this.#cpuAtStart;
    this.times.push({ step: this.#step, seconds, cpuSeconds });
    if (this.#isTerminal) this.#write(`\r\x1b[K${this.#step}: ${seconds.toFixed(1)} s\n`);
    else {
      const line = {
        ...{ step: this.#step, event: 'end' },
        seconds: Number(seconds.toFixed(3)),
        cpuSeconds: Number(cpuSeconds.toFixed(3)),
      };
      this.#write(`${JSON.stringify(line)}\n`);
    }
    this.#step = '';
  }
}

function cpuSecondsNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const count = (value: number): string => Math.round(value).toLocaleString('en-US');
