<?php
/**
 * Functions for other plugins and themes. Their names and results stay stable.
 *
 * What to charge is `[ 'operation' => 'image.generation', 'quantity' => 2 ]` or `[ 'module' => 'chat', 'tokens' => 120 ]`.
 *
 * Options of all calls: `user_id` (default: the person who looks at the page), `key` (an idempotency key of your own;
 * default: a new one), `source` (which integration asks), `reference` (your own ID), `ttl_seconds` (of a hold).
 *
 * @package TokenBridge
 */

defined( 'ABSPATH' ) || exit;

use TokenBridge\Metering\Hold;
use TokenBridge\Metering\Outcome;
use TokenBridge\Metering\Quote;
use TokenBridge\Metering\Spend;
use TokenBridge\Plugin;

/**
 * Returns what some items would cost, and whether the user can pay. Charges nothing.
 *
 * @param array<int, array<string, mixed>>|array<string, mixed> $items   Items, or one item.
 * @param array<string, mixed>                                  $options Options of the call.
 */
function token_bridge_quote( array $items, array $options = [] ): Quote {
	$items = isset( $items['operation'] ) || isset( $items['module'] ) ? [ $items ] : array_values( $items );
	return Plugin::instance()->services()->meter()->quote( $items, $options );
}

/**
 * Charges tokens at once. Start the work only if `is_ok()`.
 *
 * @param array<string, mixed> $what    What to charge.
 * @param array<string, mixed> $options Options of the call.
 */
function token_bridge_spend( array $what, array $options = [] ): Spend {
	return Plugin::instance()->services()->meter()->spend( $what, $options );
}

/**
 * Holds tokens for work whose cost is not known yet. Capture or release the hold afterwards.
 *
 * @param array<string, mixed> $what    What to hold.
 * @param array<string, mixed> $options Options of the call.
 */
function token_bridge_hold( array $what, array $options = [] ): Hold {
	return Plugin::instance()->services()->meter()->hold( $what, $options );
}

/**
 * Charges the real cost of a hold.
 *
 * @param string               $hold_id The hold's ID.
 * @param array<string, mixed> $cost    `[ 'tokens' => 80 ]` or `[ 'quantity' => 2 ]`.
 * @param array<string, mixed> $options Options of the call.
 */
function token_bridge_capture( string $hold_id, array $cost, array $options = [] ): Spend {
	return Plugin::instance()->services()->meter()->capture( $hold_id, $cost, $options );
}

/**
 * Frees a hold; nothing is charged.
 *
 * @param string               $hold_id The hold's ID.
 * @param array<string, mixed> $options Options of the call.
 */
function token_bridge_release( string $hold_id, array $options = [] ): Outcome {
	return Plugin::instance()->services()->meter()->release( $hold_id, $options );
}

/**
 * Returns the tokens of a spend to where they came from.
 *
 * @param string               $spend_id The spend's ID.
 * @param string               $reason   The reason, for the ledger.
 * @param int|null             $tokens   A part; null for all.
 * @param array<string, mixed> $options  Options of the call.
 */
function token_bridge_refund( string $spend_id, string $reason, ?int $tokens = null, array $options = [] ): Outcome {
	$body = [ 'reason' => $reason ] + ( null === $tokens ? [] : [ 'tokens' => $tokens ] );
	return Plugin::instance()->services()->meter()->refund( $spend_id, $body, $options );
}
