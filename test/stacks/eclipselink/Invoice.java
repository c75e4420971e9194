import javax.persistence.Column;
import javax.persistence.Entity;
import javax.persistence.GeneratedValue;
import javax.persistence.GenerationType;
import javax.persistence.Id;
import javax.persistence.Table;
import org.eclipse.persistence.annotations.ReturnInsert;

@Entity
@Table(name = "invoices")
class Invoice {
    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    Long id;

    @Column(unique = true)
    String customer;

    @ReturnInsert(returnOnly = true)
    @Column(unique = true, nullable = false, updatable = false)
    Long number;

    Invoice() {}

    Invoice(String customer) {
        this.customer = customer;
    }
}
