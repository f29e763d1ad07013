<?php
/**
 * The plugin's parts.
 *
 * @package TokenBridge
 */

namespace TokenBridge;

use TokenBridge\Ai\AiMeter;
use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\CircuitBreaker;
use TokenBridge\Bridge\HttpTransport;
use TokenBridge\Bridge\NotConnected;
use TokenBridge\Bridge\Transport;
use TokenBridge\Connection\Checklist;
use TokenBridge\Connection\Connection;
use TokenBridge\Connection\ConnectionOption;
use TokenBridge\Connection\Connector;
use TokenBridge\Connection\Deliveries;
use TokenBridge\Connection\Setup;
use TokenBridge\Connection\Webhooks;
use TokenBridge\Metering\Meter;
use TokenBridge\Outbox\CallDelivery;
use TokenBridge\Outbox\DocumentDelivery;
use TokenBridge\Outbox\Outbox;
use TokenBridge\Outbox\Sender;
use TokenBridge\Outbox\UserDelivery;
use TokenBridge\Products\PackageAdvice;
use TokenBridge\Products\PackageList;
use TokenBridge\Products\Packages;
use TokenBridge\Products\Prices;
use TokenBridge\Transfer\PackageSource;
use TokenBridge\Transfer\Transfer;
use TokenBridge\Transfer\UserSource;
use TokenBridge\Users\UserList;
use TokenBridge\Widget\AccountMaker;
use TokenBridge\Widget\BridgeMaker;
use TokenBridge\Widget\FragmentCache;
use TokenBridge\Widget\FragmentSource;
use TokenBridge\Widget\Widget;

defined( 'ABSPATH' ) || exit;

/**
 * Makes each part with what it needs.
 */
final class Services {

	public function connection(): Connection {
		return $this->connection_option()->load();
	}

	public function connection_option(): ConnectionOption {
		return new ConnectionOption();
	}

	public function settings(): Settings {
		return new Settings();
	}

	/**
	 * Returns the way to the bridge; where there is none, one that sends nothing.
	 */
	public function transport(): Transport {
		$connection = $this->connection();
		if ( ! $connection->is_connected() ) {
			return new NotConnected();
		}
		if ( $connection->is_copy() ) {
			return new NotConnected( Answer::COPIED );
		}
		return new CircuitBreaker( new HttpTransport( $connection->url(), $connection->access_key() ) );
	}

	public function connector(): Connector {
		return new Connector( $this->connection_option() );
	}

	public function setup(): Setup {
		return new Setup( $this->connection_option(), $this->transport(), $this->webhooks(), $this->deliveries(), $this->transfer() );
	}

	public function deliveries(): Deliveries {
		return new Deliveries( $this->connection_option(), $this->transport(), $this->webhooks(), $this->settings() );
	}

	public function webhooks(): Webhooks {
		return new Webhooks();
	}

	public function checklist(): Checklist {
		return new Checklist( $this->connection(), $this->transport(), $this->deliveries() );
	}

	public function packages(): Packages {
		return new Packages();
	}

	public function prices(): Prices {
		return new Prices( $this->transport() );
	}

	public function package_advice(): PackageAdvice {
		return new PackageAdvice( $this->packages(), $this->settings() );
	}

	public function transfer(): Transfer {
		return new Transfer( $this->transport(), new UserSource( new UserList() ), new PackageSource( new PackageList( $this->packages() ) ) );
	}

	public function outbox(): Outbox {
		return new Outbox();
	}

	public function sender(): Sender {
		$transport = $this->transport();
		return new Sender(
			$this->outbox(),
			new DocumentDelivery( $this->connection() ),
			new UserDelivery( $transport ),
			new CallDelivery( $transport )
		);
	}

	public function meter(): Meter {
		return new Meter( $this->connection(), $this->transport(), $this->outbox() );
	}

	public function ai_meter(): AiMeter {
		return new AiMeter( $this->meter(), $this->settings() );
	}

	public function fragment_cache(): FragmentCache {
		return new FragmentCache();
	}

	public function widget(): Widget {
		$connection = $this->connection();
		$maker      = $connection->is_linked_site() ? new AccountMaker( $this->transport() ) : new BridgeMaker( $this->transport() );
		return new Widget( $connection, new FragmentSource( $maker, $this->fragment_cache() ) );
	}
}
