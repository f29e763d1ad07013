<?php
/**
 * What follows after a site was connected, and before it is disconnected.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Events\EventEndpoint;
use TokenBridge\Outbox\Outbox;
use TokenBridge\Transfer\Transfer;

defined( 'ABSPATH' ) || exit;

/**
 * Creates webhooks, REST access and the event endpoint, begins the transfer, and undoes it all.
 */
final class Setup {

	/** @var ConnectionOption */
	private $option;

	/** @var Transport */
	private $transport;

	/** @var Webhooks */
	private $webhooks;

	/** @var Deliveries */
	private $deliveries;

	/** @var Transfer */
	private $transfer;

	public function __construct( ConnectionOption $option, Transport $transport, Webhooks $webhooks, Deliveries $deliveries, Transfer $transfer ) {
		$this->option     = $option;
		$this->transport  = $transport;
		$this->webhooks   = $webhooks;
		$this->deliveries = $deliveries;
		$this->transfer   = $transfer;
	}

	/**
	 * Sets up a site that was just connected.
	 */
	public function complete(): void {
		$this->repair();
		if ( $this->option->load()->is_store() ) {
			$this->transfer->begin();
		}
	}

	/**
	 * Creates what is missing; harmless when nothing is.
	 */
	public function repair(): void {
		$connection = $this->option->load();
		if ( ! $connection->is_store() ) {
			return;
		}
		$this->deliveries->apply();
		$this->grant_rest_access( $connection );
		$this->option->save( ( new EventEndpoint( $this->transport ) )->subscribe( $this->option->load() ) );
	}

	/**
	 * Removes everything that connecting created, here and at the bridge.
	 */
	public function undo(): void {
		$connection = $this->option->load();
		$this->transfer->stop();
		( new Outbox() )->clear();
		( new EventEndpoint( $this->transport ) )->unsubscribe( $connection );
		$this->webhooks->remove( $connection );
		( new RestKey( $this->transport ) )->remove( $connection->rest_key_id() );
		if ( $connection->is_connected() ) {
			$this->transport->send( Request::delete( '/v1/connection' )->patient() );
		}
		$this->option->clear();
	}

	private function grant_rest_access( Connection $connection ): void {
		if ( ! class_exists( 'WooCommerce' ) || $connection->rest_key_id() > 0 ) {
			return;
		}
		$granted = ( new RestKey( $this->transport ) )->grant();
		$this->option->save(
			$connection->with(
				[
					'rest_key_id'  => $granted['id'],
					'rest_problem' => $granted['answer']->is_ok() ? '' : Sentences::about( $granted['answer'] ),
				]
			)
		);
	}
}
