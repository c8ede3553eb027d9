/** Every benchmark by the name it is run by: question by question, the quick ones first. */

import { wholeBuild } from './build.ts';
import { httpCost } from './http.ts';
import { mrzCheck, pageBuild, rawProbe, singleCheck, space, warmProbe } from './matcher.ts';
import type { Suite } from './measurement.ts';
import { overlayCost } from './overlay.ts';
import { peers } from './peers.ts';

export const SUITES: Record<string, readonly Suite[]> = {
  matcher: [rawProbe, warmProbe, singleCheck, mrzCheck, pageBuild, space],
  overlay: [overlayCost],
  peers: [peers],
  http: [httpCost],
  build: [wholeBuild],
};
