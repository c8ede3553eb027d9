/**
 * Where central may send: https to public addresses, so that an endpoint cannot point it inwards.
 *
 * The name is resolved at the moment of connecting and each address is looked at then: a name that
 * was public when it was registered may not be any more. The ranges are those of the IANA registries
 * of special-purpose addresses (RFC 6890), with multicast and the IPv6 forms that hold an IPv4 one.
 */

import dns from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { SltdError } from '../../src/errors.ts';

const URL_LENGTH_MAX = 512;

const NOT_PUBLIC = new BlockList();
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC.addSubnet(address, prefix, 'ipv4');
}

/** Only global unicast is public, and of it not the documentation, transition and test ranges. */
const GLOBAL_IPV6 = new BlockList();
GLOBAL_IPV6.addSubnet('2000::', 3, 'ipv6');
for (const [address, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  NOT_PUBLIC.addSubnet(address, prefix, 'ipv6');
}

/** True for an address that anybody on the internet could reach. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !NOT_PUBLIC.check(address, 'ipv4');
  if (version !== 6) return false;
  return GLOBAL_IPV6.check(address, 'ipv6') && !NOT_PUBLIC.check(address, 'ipv6');
}

const isLoopback = (address: string) => /^(127\.|::1$)/.test(address);

/** Who may be sent to; `loopback` lets http and this very machine through, for tests. */
export interface Reach {
  loopback: boolean;
}

const isAllowed = (address: string, { loopback }: Reach) =>
  isPublicAddress(address) || (loopback && isLoopback(address));

/**
 * The URL of an endpoint, as far as it can be judged without resolving its name. Throws
 * 'endpoint-refused' if it is not https, carries a password, or names an address that is not public.
 */
export function endpointUrl(text: string, reach: Reach): URL {
  const url = text.length <= URL_LENGTH_MAX && URL.canParse(text) ? new URL(text) : undefined;
  const host = url ? hostOf(url) : '';
  const isScheme = url?.protocol === 'https:' || (url?.protocol === 'http:' && reach.loopback);
  const isHost = isIP(host) === 0 ? /[a-z]/i.test(host) : isAllowed(host, reach);
  if (!url || !isScheme || !isHost || url.username !== '' || url.password !== '') {
    throw new SltdError('endpoint-refused');
  }
  url.hash = '';
  return url;
}

/** Host without the brackets of an IPv6 address. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

/** Resolves a name for node:http and refuses it if any of its addresses is out of reach. */
export function guardedLookup(reach: Reach): LookupFunction {
  return (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const isFit = !error && addresses.length > 0;
      if (isFit && addresses.every(({ address }) => isAllowed(address, reach))) {
        if (options.all) callback(null, addresses);
        else callback(null, addresses[0]!.address, addresses[0]!.family);
        return;
      }
      const refused = Object.assign(new Error('the address is out of reach'), { code: 'EREACH' });
      callback(error ?? refused, []);
    });
  };
}
