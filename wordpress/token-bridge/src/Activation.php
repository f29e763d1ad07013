<?php
/**
 * What happens when the plugin is switched on and off.
 *
 * @package TokenBridge
 */

namespace TokenBridge;

use TokenBridge\Background\Queues;
use TokenBridge\Connection\ConnectionOption;
use TokenBridge\Network\Lifecycle;
use TokenBridge\Network\Subsites;
use TokenBridge\Outbox\Outbox;
use TokenBridge\Outbox\Sender;
use TokenBridge\Transfer\Transfer;

defined( 'ABSPATH' ) || exit;

/**
 * Prepares a site for this version: when the plugin is switched on, after an update, and each site of a network in its
 * first request.
 */
final class Activation implements Feature {

	private const VERSION = 'token_bridge_version';

	/** The background tasks of the plugin. */
	public const BACKGROUND_ACTIONS = [ Transfer::ACTION, Sender::ACTION, Lifecycle::JOIN ];

	public function register(): void {
		add_action( 'init', [ $this, 'prepare' ], 0 );
	}

	/**
	 * Prepares the site if it was prepared by another version, or not at all.
	 */
	public function prepare(): void {
		if ( TOKEN_BRIDGE_VERSION !== get_option( self::VERSION ) ) {
			self::activate();
		}
	}

	/**
	 * Creates the options that every page reads, so that none of them makes a query.
	 */
	public static function activate(): void {
		add_option( ConnectionOption::NAME, [], '', 'yes' );
		add_option( Settings::NAME, [], '', 'yes' );
		update_option( self::VERSION, TOKEN_BRIDGE_VERSION, true );
		Outbox::create_table();
		// WordPress makes the rules for "My account → Tokens" at its next request.
		delete_option( 'rewrite_rules' );
		if ( ! wp_next_scheduled( Sender::ACTION ) ) {
			// Each change schedules a run; this one sends what such a run has missed.
			wp_schedule_event( time(), 'hourly', Sender::ACTION );
		}
	}

	/**
	 * Returns whether this version has prepared the current site, which it does in the site's first request.
	 */
	public static function is_prepared(): bool {
		return false !== get_option( self::VERSION );
	}

	/**
	 * Stops background tasks; the connection stays for the next activation.
	 *
	 * @param bool $is_for_network Whether the plugin is switched off on all sites of the network.
	 */
	public static function deactivate( $is_for_network = false ): void {
		$queue = Queues::best();
		foreach ( self::BACKGROUND_ACTIONS as $action ) {
			$queue->clear( $action );
		}
		if ( $is_for_network ) {
			Subsites::each( [ self::class, 'clear_events' ] );
		}
	}

	/**
	 * Removes the scheduled events of the current site.
	 */
	public static function clear_events(): void {
		array_map( 'wp_unschedule_hook', self::BACKGROUND_ACTIONS );
	}
}
