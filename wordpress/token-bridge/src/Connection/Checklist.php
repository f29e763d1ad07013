<?php
/**
 * The checklist of the Connect screen.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Transfer\Progress;

defined( 'ABSPATH' ) || exit;

/**
 * Checks the connection from this side. The first failing check ends with what to do.
 */
final class Checklist {

	/** Name of the result that asks about past orders. */
	public const PAST_ORDERS = 'past_orders';

	/** Seconds by which the two clocks may differ. */
	private const CLOCK_SECONDS = 300;

	/** Problems of the bridge that are listed. */
	private const MAX_ISSUES = 10;

	/** @var Connection */
	private $connection;

	/** @var Transport */
	private $transport;

	/** @var Deliveries */
	private $deliveries;

	public function __construct( Connection $connection, Transport $transport, Deliveries $deliveries ) {
		$this->connection = $connection;
		$this->transport  = $transport;
		$this->deliveries = $deliveries;
	}

	/**
	 * Runs all checks that apply to this site.
	 *
	 * @return CheckResult[]
	 */
	public function run(): array {
		$path   = $this->connection->is_store() ? '/v1/store' : '/v1/account';
		$answer = $this->transport->send( Request::get( $path )->patient() );
		$found  = [ $this->access( $answer ), $this->clock( $answer ), $this->address() ];
		if ( ! $this->connection->is_store() ) {
			return array_values( array_filter( array_merge( $found, [ $this->background() ] ) ) );
		}
		$health = $this->transport->send( Request::get( '/v1/store/health' )->patient() )->document();
		$steps  = array_column( (array) ( $health['steps'] ?? [] ), 'state', 'code' );
		$found  = array_merge( $found, [ $this->shop(), $this->webhooks(), $this->rest_access( $steps ), $this->transfer(), $this->past_orders( $steps ), $this->background() ] );
		$found  = array_merge( $found, $this->seen_by_bridge( (array) ( $health['issues'] ?? [] ) ) );
		return array_values( array_filter( $found ) );
	}

	private function access( Answer $answer ): CheckResult {
		if ( ! $answer->is_ok() ) {
			return new CheckResult( 'access', CheckResult::FAILED, Sentences::about( $answer ) );
		}
		return new CheckResult( 'access', CheckResult::OK, __( 'Token Bridge answers and accepts the access key of this site.', 'token-bridge' ) );
	}

	private function clock( Answer $answer ): ?CheckResult {
		$theirs = strtotime( $answer->header( 'date' ) );
		if ( ! $theirs ) {
			return null;
		}
		$difference = abs( time() - $theirs );
		if ( $difference <= self::CLOCK_SECONDS ) {
			return new CheckResult( 'clock', CheckResult::OK, __( 'The clocks of both servers agree.', 'token-bridge' ) );
		}
		/* translators: %s: a duration such as "1 hour" */
		$sentence = __( 'The clocks of this server and of Token Bridge differ by %s. Set both by NTP: signatures and limits depend on the time.', 'token-bridge' );
		return new CheckResult( 'clock', CheckResult::WARNING, sprintf( $sentence, human_time_diff( 0, $difference ) ) );
	}

	private function address(): CheckResult {
		$url = $this->connection->url();
		if ( 0 === strpos( $url, 'https://' ) ) {
			return new CheckResult( 'address', CheckResult::OK, __( 'The connection is encrypted.', 'token-bridge' ) );
		}
		if ( ConnectCode::is_loopback( $url ) ) {
			return new CheckResult( 'address', CheckResult::WARNING, __( 'Token Bridge runs on this machine and without https: right for a trial. WooCommerce refuses to deliver its own webhooks to such an address; the deliveries of this plugin work. Other people cannot open the console.', 'token-bridge' ) );
		}
		return new CheckResult( 'address', CheckResult::FAILED, __( 'Token Bridge is used without https, so the access key and personal data can be read on the way. Give it a certificate and connect again.', 'token-bridge' ) );
	}

	private function shop(): CheckResult {
		if ( class_exists( 'WooCommerce' ) ) {
			return new CheckResult( 'shop', CheckResult::OK, __( 'WooCommerce is active.', 'token-bridge' ) );
		}
		return new CheckResult( 'shop', CheckResult::WARNING, __( 'WooCommerce is not active, so this site sells no tokens. Everything else works.', 'token-bridge' ) );
	}

	private function webhooks(): ?CheckResult {
		return class_exists( 'WooCommerce' ) ? $this->deliveries->check() : null;
	}

	/**
	 * @param array<string, string> $steps States of the bridge's steps, by their codes.
	 */
	private function rest_access( array $steps ): ?CheckResult {
		if ( ! class_exists( 'WooCommerce' ) ) {
			return null;
		}
		$state = $steps['answer'] ?? 'done';
		if ( $this->connection->rest_key_id() > 0 && 'open' === $state ) {
			return new CheckResult( 'rest_access', CheckResult::WAITING, __( 'Token Bridge is checking whether it can read orders from this shop. Reload this page in a moment.', 'token-bridge' ) );
		}
		if ( $this->connection->rest_key_id() > 0 && 'wrong' !== $state ) {
			return new CheckResult( 'rest_access', CheckResult::OK, __( 'Token Bridge can read orders from this shop.', 'token-bridge' ) );
		}
		$why = (string) ( $this->connection->values()['rest_problem'] ?? '' );
		/* translators: %s: reason */
		$sentence = __( 'Token Bridge cannot read orders from this shop, so it cannot fetch what a delivery leaves open. Check that no security plugin blocks the REST API, then click "Repair". (%s)', 'token-bridge' );
		return new CheckResult( 'rest_access', CheckResult::WARNING, trim( str_replace( '()', '', sprintf( $sentence, $why ) ) ) );
	}

	private function transfer(): CheckResult {
		$progress = Progress::load();
		if ( '' !== $progress->problem() ) {
			return new CheckResult( 'transfer', CheckResult::WARNING, $progress->problem() );
		}
		if ( Progress::DONE === $progress->state() ) {
			return new CheckResult( 'transfer', CheckResult::OK, __( 'All users and packages were sent.', 'token-bridge' ) );
		}
		return new CheckResult( 'transfer', CheckResult::WAITING, __( 'Users and packages are being sent in the background.', 'token-bridge' ) );
	}

	/**
	 * Returns the question about past orders, until it is answered.
	 *
	 * @param array<string, string> $steps States of the bridge's steps, by their codes.
	 */
	private function past_orders( array $steps ): ?CheckResult {
		if ( ! class_exists( 'WooCommerce' ) || 'open' !== ( $steps['history'] ?? '' ) ) {
			return null;
		}
		return new CheckResult( self::PAST_ORDERS, CheckResult::WARNING, __( 'Decide below whether orders that were placed before the connection grant tokens.', 'token-bridge' ) );
	}

	/**
	 * Returns the problems that the bridge has found with this shop.
	 *
	 * @param array<int, array<string, string>> $issues As the bridge lists them.
	 * @return CheckResult[]
	 */
	private function seen_by_bridge( array $issues ): array {
		$found = [];
		foreach ( array_slice( $issues, 0, self::MAX_ISSUES ) as $issue ) {
			$found[] = new CheckResult( 'issue', CheckResult::WARNING, ucfirst( rtrim( (string) ( $issue['sentence'] ?? '' ), '.' ) ) . '.' );
		}
		return $found;
	}

	private function background(): CheckResult {
		$next = _get_cron_array();
		$late = $next ? time() - (int) min( array_keys( $next ) ) : 0;
		if ( $late < 15 * MINUTE_IN_SECONDS ) {
			return new CheckResult( 'background', CheckResult::OK, __( 'Background tasks of this site run.', 'token-bridge' ) );
		}
		/* translators: %s: a duration such as "1 hour" */
		$sentence = __( 'Background tasks of this site are %s late. Check that WP-Cron or a system cron runs wp-cron.php.', 'token-bridge' );
		return new CheckResult( 'background', CheckResult::WARNING, sprintf( $sentence, human_time_diff( 0, $late ) ) );
	}
}
