/** Every benchmark by the name it is run by: question by question, the quick ones first. */

import { wholeBuild } from './build.ts';
import { coldStart, manifestOpen } from './cold-start.ts';
import { collectionsCost } from './collections.ts';
import { digestPeers } from './digest-peers.ts';
import { falsePositives } from './false-positives.ts';
import { httpCost } from './http.ts';
import { isolateTraffic } from './isolate.ts';
import { mrzCheck, pageBuild, rawProbe, singleCheck, space, warmProbe } from './matcher.ts';
import type { Suite } from './measurement.ts';
import { numericList } from './numeric-list.ts';
import { overlayCost } from './overlay.ts';
import { probeLimits } from './probe-limits.ts';
import { stringPeers } from './string-peers.ts';

export const SUITES: Record<string, readonly Suite[]> = {
  matcher: [rawProbe, warmProbe, singleCheck, mrzCheck, pageBuild, space],
  overlay: [overlayCost],
  collections: [collectionsCost],
  digests: [digestPeers],
  limits: [probeLimits],
  filter: [falsePositives],
  peers: [stringPeers, numericList],
  isolate: [isolateTraffic],
  cold: [manifestOpen, coldStart],
  http: [httpCost],
  build: [wholeBuild],
};
