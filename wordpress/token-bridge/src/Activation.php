<?php
/**
 * What happens when the plugin is switched on and off.
 *
 * @package TokenBridge
 */

namespace TokenBridge;

use TokenBridge\Background\Queues;
use TokenBridge\Connection\ConnectionOption;
use TokenBridge\Outbox\Outbox;
use TokenBridge\Outbox\Sender;
use TokenBridge\Transfer\Transfer;

final class Activation {

	/** The background tasks of the plugin. */
	public const BACKGROUND_ACTIONS = [ Transfer::ACTION, Sender::ACTION ];

	/**
	 * Creates the options that every page reads, so that none of them makes a query.
	 */
	public static function activate(): void {
		add_option( ConnectionOption::NAME, [], '', 'yes' );
		add_option( Settings::NAME, [], '', 'yes' );
		Outbox::create_table();
		if ( ! wp_next_scheduled( Sender::ACTION ) ) {
			// Each change schedules a run; this one sends what such a run has missed.
			wp_schedule_event( time(), 'hourly', Sender::ACTION );
		}
	}

	/**
	 * Stops background tasks; the connection stays for the next activation.
	 */
	public static function deactivate(): void {
		$queue = Queues::best();
		foreach ( self::BACKGROUND_ACTIONS as $action ) {
			$queue->clear( $action );
		}
	}
}
