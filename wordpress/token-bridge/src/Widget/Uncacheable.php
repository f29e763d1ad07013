<?php
/**
 * Keeps pages with personal numbers out of page caches.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Feature;

defined( 'ABSPATH' ) || exit;

/**
 * Marks pages with a shortcode or block of ours, as the common page caches understand it.
 */
final class Uncacheable implements Feature {

	private const MARKS = [ '[token_usage', '[aipkit_token_usage', '[token_balance', 'wp:token-bridge/' ];

	public function register(): void {
		add_action( 'template_redirect', [ $this, 'look' ] );
	}

	/**
	 * Marks the page before its headers are sent, if its content has a widget.
	 */
	public function look(): void {
		$post = is_singular() ? get_queried_object() : null;
		if ( ! $post instanceof \WP_Post ) {
			return;
		}
		foreach ( self::MARKS as $mark ) {
			if ( false !== strpos( $post->post_content, $mark ) ) {
				self::mark();
				return;
			}
		}
	}

	/**
	 * Marks the page that is being made.
	 */
	public static function mark(): void {
		foreach ( [ 'DONOTCACHEPAGE', 'DONOTCACHEOBJECT', 'DONOTCACHEDB' ] as $name ) {
			if ( ! defined( $name ) ) {
				define( $name, true ); // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- page caches read these.
			}
		}
		do_action( 'litespeed_control_set_nocache', 'token-bridge' ); // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- an action of LiteSpeed Cache.
		if ( ! headers_sent() ) {
			nocache_headers();
			header( 'Cache-Control: private, no-store, no-cache, must-revalidate, max-age=0' );
		}
	}
}
