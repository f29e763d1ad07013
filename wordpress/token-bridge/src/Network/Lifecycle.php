<?php
/**
 * New and deleted sites and users of a network.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Background\CronQueue;
use TokenBridge\Connection\ConnectionOption;
use TokenBridge\Feature;
use TokenBridge\Outbox\Outbox;
use TokenBridge\Outbox\Sender;
use TokenBridge\Outbox\UserDelivery;
use TokenBridge\Services;

defined( 'ABSPATH' ) || exit;

/**
 * Links new subsites in the background, disconnects deleted ones, and reports deleted users to each store they had.
 */
final class Lifecycle implements Feature {

	public const JOIN = 'token_bridge_join';

	/** Attempts to link a new subsite, one a minute. */
	private const ATTEMPTS = 1440;

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		if ( ! is_multisite() ) {
			return;
		}
		add_action( 'wp_initialize_site', [ $this, 'schedule' ], 200 );
		add_action( self::JOIN, [ $this, 'join' ], 10, 2 );
		// WordPress drops the tables at 10, with that of the outbox.
		add_action( 'wp_uninitialize_site', [ $this, 'disconnect' ], 5 );
		add_action( 'wpmu_delete_user', [ $this, 'report_deleted' ] );
	}

	/**
	 * Lets the main site link a new subsite, if new ones take part.
	 */
	public function schedule( \WP_Site $site ): void {
		$option = new NetworkOption();
		if ( $option->joins_new() && $option->payer() > 0 ) {
			$this->try_later( (int) $site->blog_id, 1, 0 );
		}
	}

	/**
	 * Links a new subsite; tries again if the bridge does not answer.
	 */
	public function join( int $id, int $attempt ): void {
		$option = new NetworkOption();
		if ( ! get_site( $id ) || $option->payer() < 1 ) {
			return;
		}
		$added = ( new Pool( $this->services ) )->add( $id, $option->payer(), $option->new_cap() );
		if ( is_wp_error( $added ) && 'token_bridge_own_connection' !== $added->get_error_code() && $attempt < self::ATTEMPTS ) {
			$this->try_later( $id, $attempt + 1, MINUTE_IN_SECONDS );
		}
	}

	/**
	 * Ends the connection of a subsite that is being deleted.
	 */
	public function disconnect( \WP_Site $site ): void {
		Subsites::at(
			(int) $site->blog_id,
			function (): void {
				if ( $this->services->connection()->is_connected() ) {
					$this->services->setup()->undo();
				}
			}
		);
	}

	/**
	 * Reports a user who is deleted from the network to the other sites that are stores; this site does so by itself.
	 *
	 * @param int|string $user_id The user.
	 */
	public function report_deleted( $user_id ): void {
		foreach ( array_keys( get_blogs_of_user( (int) $user_id, true ) ) as $id ) {
			if ( get_current_blog_id() !== (int) $id ) {
				Subsites::at(
					(int) $id,
					static function () use ( $user_id ): void {
						self::add_deleted( (int) $user_id );
					}
				);
			}
		}
	}

	private static function add_deleted( int $user_id ): void {
		if ( ( new ConnectionOption() )->load()->is_store() ) {
			( new Outbox() )->add( UserDelivery::DELETED, (string) $user_id );
			( new CronQueue() )->add( Sender::ACTION, [ 0 ] );
		}
	}

	private function try_later( int $id, int $attempt, int $seconds ): void {
		Subsites::at_main(
			static function () use ( $id, $attempt, $seconds ): void {
				( new CronQueue() )->add( self::JOIN, [ $id, $attempt ], $seconds );
			}
		);
	}
}
