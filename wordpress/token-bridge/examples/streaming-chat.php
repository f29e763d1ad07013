<?php
/**
 * Plugin Name: Example: a chat that streams
 * Description: Holds tokens before an answer, streams it, and charges what was really used. Replace the two functions at the end.
 * Version: 0.1.0
 * License: GPL-2.0-or-later
 *
 * Copy this file to wp-content/plugins and activate it. POST to /wp-json/example-chat/v1/answer with a text and a nonce.
 *
 * @package TokenBridge
 */

defined( 'ABSPATH' ) || exit;

add_action(
	'rest_api_init',
	static function (): void {
		register_rest_route(
			'example-chat/v1',
			'/answer',
			[
				'methods'             => 'POST',
				'callback'            => 'example_chat_answer',
				'permission_callback' => 'is_user_logged_in',
			]
		);
	}
);

/**
 * Streams an answer and charges it; ends the request.
 *
 * @return WP_Error|void
 */
function example_chat_answer( WP_REST_Request $request ) {
	$text = (string) $request->get_param( 'text' );
	// The most that the answer can cost: the question, and 500 tokens for the answer.
	$hold = token_bridge_hold( [ 'module' => 'chat', 'tokens' => (int) ceil( strlen( $text ) / 3 ) + 500 ], [ 'source' => 'example-chat' ] );
	if ( ! $hold->is_ok() ) {
		return $hold->to_error();
	}
	$used = 0;
	// Runs also after a fatal error or when the visitor leaves: nothing used means nothing charged.
	register_shutdown_function(
		static function () use ( $hold, &$used ): void {
			$used > 0 ? token_bridge_capture( $hold->id(), [ 'tokens' => $used ] ) : token_bridge_release( $hold->id() );
		}
	);
	ignore_user_abort( true );
	header( 'Content-Type: text/html; charset=utf-8' );
	header( 'X-Accel-Buffering: no' );
	foreach ( example_chat_stream( $text ) as $piece ) {
		$used += example_chat_tokens( $piece );
		echo esc_html( $piece );
		flush();
	}
	exit;
}

/**
 * Yields the answer in pieces. Put the call of your provider here.
 *
 * @return Generator<string>
 */
function example_chat_stream( string $text ): Generator {
	foreach ( explode( ' ', 'You wrote: ' . $text ) as $word ) {
		yield $word . ' ';
	}
}

/**
 * Returns the tokens of a piece. Providers report exact figures with the last piece; use those if there are any.
 */
function example_chat_tokens( string $piece ): int {
	return max( 1, (int) ceil( strlen( $piece ) / 4 ) );
}
